"""Names that mean harm, from a real MLflow, all the way to alerts, every channel, pages and files."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante import MLflowReport
from mirante.capture.recorder import Recorder
from mirante.cli import main
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.windows import WindowClock
from mirante.store import Store
from mirante.tracking.client import connect
from tests.app.test_service import get, service, text_of, until
from tests.doubles.slack import Answer, SlackDouble, slack_double
from tests.doubles.smtp import mail_server
from tests.tools import require_tool

HOSTILE = (
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "{0.__class__}",
    "<!channel>",
    "a\r\nBcc: eve@example.org",
    "nul\x00nul",
    "\u202eevil",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "x" * 300,
)
CONFIG = """
host: {{enabled: false}}
evaluation_interval: 1s
web: {{port: 0}}
mlflow: {{tracking_uri: "{server}", interval: 3s}}
models:
{models}
alerts:
  routes: {{group_wait: 0s, group_interval: 1s, group_by: [rule, model]}}
  channels:
    mail:
      type: email
      smtp_server: "127.0.0.1:{port}"
      smtp_tls: none
      sender: m@example.org
      recipients: [o@example.org]
    chat: {{type: slack, webhook_url_file: slack}}
    hook: {{type: webhook, url_file: hook}}
    console: {{type: console}}
"""


def register(client: Any, name: str) -> str:
    """Register a model of a hostile name with a baseline whose features are hostile too."""
    experiment = client.create_experiment(f"{name} {uuid.uuid4().hex}")
    client.set_experiment_tag(experiment, "note", name)
    model = client.create_logged_model(experiment, name="model")
    client.log_model_artifact(model.model_id, __file__)
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model(name, tags={"owner": name})
    source = f"models:/{model.model_id}"
    version = client.create_model_version(name, source=source, model_id=model.model_id).version
    client.set_registered_model_alias(name, "champion", version)
    baseline = ModelBaseline.fit(rows(40, 1_000), np.linspace(0, 1, 1_000), clock=WindowClock("1m"))
    publish_baseline(client, name, version, baseline)
    return str(version)


def rows(mean: float, count: int) -> pd.DataFrame:
    """Return rows whose columns have their mean where the kind is the first one, and 40 elsewhere."""
    rng = np.random.default_rng(int(mean))
    kinds = rng.choice([HOSTILE[0], HOSTILE[7]], count)
    means = np.where(kinds == HOSTILE[0], mean, 40.0)
    columns: dict[str, Any] = {name: rng.normal(means, 10) for name in HOSTILE[:5]}
    return pd.DataFrame(columns | {"kind": kinds})


def record(name: str, version: str, root: Path) -> None:
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    with Recorder(name, root, version=version) as recorder:
        times = pd.date_range(end - timedelta(minutes=1), periods=300, freq="100ms")
        recorder.log(rows(60, 300), np.linspace(0, 1, 300), 0.003, time=times)


def all_files(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


@contextmanager
def page_that_runs_nothing() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=require_tool("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: said.append(request.url) if request.url.endswith("/x") else None)
        yield page
        browser.close()
    assert said == []


def check_pages(address: str, subjects: list[str], store: Path) -> None:
    with Store(f"sqlite:///{store}") as opened:
        alerts = [row.id for row in opened.alerts.list(limit=4)]
    paths = ["", "alerts", "silences", *(f"alerts/{alert}" for alert in alerts)]
    paths += [f"silences/new?alert={alerts[0]}", *(f"model?subject={quote(one)}" for one in subjects)]
    with page_that_runs_nothing() as page:
        for path in paths:
            answer = page.goto(address + path)
            assert answer.status == 200, path
            page.wait_for_timeout(100)
            assert page.locator("img").count() == 0, path


def check_mails(messages: list[EmailMessage]) -> None:
    # the first of an incident has nothing to refer to, the next have two headers more
    kinds = {frozenset(message.keys()) - {"In-Reply-To", "References"} for message in messages}
    assert len(kinds) == 1
    for message in messages:
        assert len(message.keys()) == len(set(message.keys()))
        assert message["To"] == "o@example.org"
        assert "Bcc" not in message
        part = message.get_body(("html",))
        assert part is not None
        assert "<img" not in part.get_content()


def check_chat(chat: SlackDouble) -> None:
    for request in chat.requests:
        message = request.json
        # Slack reads no mention out of plain_text, and shows it as it is
        parts = [block.get("text") or block["elements"][0] for block in message["blocks"]]
        texts = [message["text"], *(part["text"] for part in parts if part["type"] == "mrkdwn")]
        assert not [text for text in texts if "<!" in text or "<@" in text]


def check_exports(folder: Path, metrics: str) -> None:
    promtool = require_tool("promtool")
    said = subprocess.run([promtool, "check", "metrics"], input=metrics, text=True, capture_output=True)
    assert "error" not in said.stderr.lower(), said.stderr[:500]
    done = CliRunner().invoke(
        main, ["rules", "export", "-c", str(folder / "mirante.yaml"), "-o", str(folder / "exported.yml")]
    )
    assert done.exit_code == 0, done.output
    checked = subprocess.run([promtool, "check", "rules", "exported.yml"], cwd=folder, capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def check_report(client: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    experiment = client.create_experiment(f"{HOSTILE[0]} report {uuid.uuid4().hex}")
    for name in HOSTILE:
        run = client.create_run(experiment, run_name=name, tags={"note": name})
        client.log_metric(run.info.run_id, "accuracy", 0.5)
        client.log_param(run.info.run_id, "note", name)
        client.set_terminated(run.info.run_id, "FAILED" if name in HOSTILE[:3] else "FINISHED")
    done = CliRunner().invoke(main, ["report", str(experiment), "-o", str(folder / "report.html")])
    assert done.exit_code == 0, done.output
    assert MLflowReport(log=False).generate_experiment_report(experiment)["total_runs"] == len(HOSTILE)
    assert "<img src=x" not in (folder / "report.html").read_text(encoding="utf-8")
    with page_that_runs_nothing() as page:
        page.goto((folder / "report.html").as_uri())
        assert page.locator("img").count() == 0


@pytest.mark.server
@pytest.mark.browser
def test_names_that_mean_harm_do_none(
    tmp_path: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(mlflow_server)
    folder = tmp_path / "deep" / "in" / "service"
    folder.mkdir(parents=True)
    models = []
    for name in HOSTILE:
        try:
            version = register(client, name)
        except Exception as error:  # what this release of MLflow does not take cannot come from it
            print(f"MLflow refuses {name[:20]!r}: {str(error)[:80]}")
            continue
        record(name, version, folder / "rows")
        models.append(name)
    assert len(models) >= 5
    entry = "  - {{model: {}, log: rows, window: 1m, lateness: 0s, interval: 1s}}"
    with mail_server() as mail, slack_double() as chat, slack_double() as hook:
        hook.always = Answer()
        (folder / "slack").write_text(chat.url)
        (folder / "hook").write_text(hook.url)
        config = CONFIG.format(
            server=mlflow_server,
            port=mail.port,
            models="\n".join(entry.format(json.dumps(n)) for n in models),
        )
        with service(folder, config) as (address, _, lines):
            until(lambda: told_of(hook) >= set(models), 90)
            until(lambda: len(mail.messages) >= len(models), 30)
            subjects = [f"model/{name}@champion" for name in models]
            check_pages(address, subjects, folder / "mirante.db")
            metrics = text_of(address)
            health = json.loads(get(address, "healthz")[1])
        assert slices_told(hook), "the slices, of hostile names too, are part of what is told"
        check_mails(mail.messages)
        check_chat(chat)
    assert "\x1b" not in "".join(lines)
    assert "\x00" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
    assert not [line for line in lines if line.startswith("Bcc:")]
    assert {name: task["error"] for name, task in health["tasks"].items() if task["error"]} == {}
    check_exports(folder, metrics)
    check_report(client, folder, monkeypatch, mlflow_server)
    outside = {path for path in all_files(tmp_path) if not path.is_relative_to(folder)}
    assert outside == set(), "no file is written outside of the service's folder"


def slices_told(hook: SlackDouble) -> set[str]:
    notices = [json.loads(request.body)["data"] for request in hook.requests]
    return {one for notice in notices for alert in notice["alerts"] for one in alert["slices"]}


def told_of(hook: SlackDouble) -> set[str]:
    notices = [json.loads(request.body)["data"] for request in hook.requests]
    return {alert["labels"].get("model", "") for notice in notices for alert in notice["alerts"]}
