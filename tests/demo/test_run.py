"""The whole demonstration, as a user runs it: a process of its own, its summary, its files."""

import ast
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mirante.app.lockfile import here, lock_of
from mirante.demo import run as module
from mirante.demo.progress import Progress
from mirante.demo.run import prepare_folder, run_demo
from mirante.errors import ConfigError, ConflictError, InputError
from mirante.store import Store
from mirante.tracking.server import start_server

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a demo with spaces")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "mirante", "demo", "--dir", str(folder / "demo"), "--exit", "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        env=environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "demo", json.loads(done.stdout), done.stderr


def test_every_row_goes_all_the_way(demonstration):
    _, summary, _ = demonstration
    assert summary["flights"] == 336_776
    assert summary["flights_without_label"] == 9_430
    replayed = 336_776 - 27_004  # January is trained on
    assert summary["rows_replayed"] == replayed
    assert summary["rows_recorded"] == summary["rows_read_back"] == summary["rows_profiled"] == replayed
    assert summary["rows_late"] == 0
    assert summary["windows"] == 334
    assert summary["labels"] == replayed - (9_430 - 606)  # 606 of January's flights never arrived
    assert summary["training_runs"] >= 3


def test_the_blizzard_fires_in_the_window_of_8_february(demonstration):
    _, summary, _ = demonstration
    cancelled = [a for a in summary["alerts"] if a["rule"] == "many_missing_values"]
    assert [(a["window"], a["severity"], a["labels"]["feature"]) for a in cancelled] == [
        ("2013-02-08", "critical", "dep_delay")
    ]
    assert cancelled[0]["first_fired_at"] == "2013-02-09T00:00:00-05:00"
    assert cancelled[0]["value"] == pytest.approx(472 / 930)


def test_the_first_week_of_february_raises_no_critical_drift_alert(demonstration):
    _, summary, _ = demonstration
    first = [a for a in summary["alerts"] if a["window"] <= "2013-02-07"]
    assert first == []


def test_the_storms_of_summer_and_december_are_found(demonstration):
    _, summary, _ = demonstration
    assert {"2013-03", "2013-06", "2013-07", "2013-12"} <= {a["window"][:7] for a in summary["alerts"]}
    moved = {
        a["window"] for a in summary["alerts"] if a["labels"].get("feature") in ("dep_delay", "prediction")
    }
    assert {"2013-03-08", "2013-07-01"} <= moved  # snow, and the thunderstorms before the fourth of July
    worse = {a["window"][:7] for a in summary["alerts"] if a["rule"] == "model_worse"}
    assert {"2013-06", "2013-07", "2013-12"} <= worse  # the season, as far as its labels tell it
    snow = [a for a in summary["alerts"] if a["window"] == "2013-03-08" and a["rule"] == "severe_drift"]
    assert [a["severity"] for a in snow] == ["critical"]
    assert "median -2 -> 58" in snow[0]["note"]


def test_every_notice_was_delivered_and_none_is_on_standard_output(demonstration):
    _, summary, stderr = demonstration
    assert summary["notices"]["delivered"] >= len(summary["alerts"])
    assert summary["notices"]["owed"] == summary["notices"]["dead"] == 0
    assert "[critical] Critical alert" in stderr
    assert "Traceback" not in stderr


def test_readings_are_in_the_store_and_in_mlflow(demonstration):
    _, summary, _ = demonstration
    assert summary["readings_in_mlflow"] == summary["readings"] > 25_000


def test_each_day_is_estimated_and_most_of_what_came_true_lies_in_the_bands(demonstration):
    folder, _, _ = demonstration
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        days = [row.verdicts for row in store.windows.list("model/nyc-flight-delay@champion") if row.closed]
    for name in ("accuracy", "roc_auc", "log_loss"):
        pairs = [(day["estimated"]["measures"][name], day["performance"][name]) for day in days]
        inside = [one["lower"] <= truth <= one["upper"] for one, truth in pairs]
        assert len(inside) == 334
        assert sum(inside) > 0.85 * 334, name  # 95 % in a year like January; this one is not


def test_files_are_there_and_whole(demonstration):
    folder, summary, _ = demonstration
    names = [Path(path).name for path in summary["files"]]
    assert names == ["dashboard.html", "report.html"]
    for path in summary["files"]:
        text = Path(path).read_text(encoding="utf-8")
        assert text.rstrip().endswith("</html>")
    assert "nyc-flight-delay" in (folder / "dashboard.html").read_text(encoding="utf-8")
    assert "gradient_boosting" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_example_of_the_api_reports_the_experiment_of_the_demonstration(demonstration, tmp_path):
    folder, summary, _ = demonstration
    example = Path(__file__).parents[2] / "examples" / "quickstart.py"
    with start_server(folder / "mlflow") as server:
        done = subprocess.run(
            [sys.executable, example],
            cwd=tmp_path,
            env=os.environ | {"MLFLOW_TRACKING_URI": server.uri},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    report = ast.literal_eval(done.stdout.splitlines()[-1])
    assert (report["total_runs"], report["failed_runs"]) == (summary["training_runs"], 0)
    assert report["best_metrics"]["log_loss"] == summary["champion"]["metrics"]["log_loss"]
    assert (tmp_path / "quickstart_dashboard.html").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty and not a demonstration's"):
        prepare_folder(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_second_demonstration_keeps_the_config_and_replaces_the_rest(tmp_path):
    folder = prepare_folder(tmp_path / "demo")
    (folder / "mirante.db").write_text("old")
    (folder / "mlflow").mkdir()
    (folder / "mirante.yaml").write_text("mine: true")
    prepare_folder(folder)
    assert not (folder / "mirante.db").exists()
    assert not (folder / "mlflow").exists()
    assert (folder / "mirante.yaml").read_text() == "mine: true"


def test_a_demonstration_that_runs_is_not_removed(tmp_path):
    folder = prepare_folder(tmp_path / "demo")
    lock = lock_of(folder / "mirante.db")
    assert lock.take(here())
    (folder / "mirante.db").touch()
    with pytest.raises(ConflictError, match="a service runs on the store"):
        prepare_folder(folder)
    assert (folder / "mirante.db").exists()
    lock.release()
    prepare_folder(folder)
    assert not (folder / "mirante.db").exists()


def test_a_wrong_config_is_told_before_the_work(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "alerts: {channels: {x: {type: slack, webhook_url: 'env:NOT_SET_HERE'}}}"
    )
    with (
        pytest.raises(ConfigError, match=r"mine\.yaml, line 1: alerts\.channels\.x: .*NOT_SET_HERE"),
        run_demo(tmp_path / "demo", Progress(io.StringIO()), config=tmp_path / "mine.yaml"),
    ):
        pytest.fail("it went on")
    assert not (tmp_path / "demo" / "mlflow").exists()


class Server:
    """Stands for the server's process: slow to start, and it knows whether it was stopped."""

    stopped = False

    def stop(self):
        self.stopped = True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_the_server_starts_leaves_no_server(tmp_path, monkeypatch, number):
    server = Server()

    def start(folder):
        time.sleep(0.2)
        os.kill(os.getpid(), number)
        time.sleep(0.2)  # the main thread waits for this one: there was nothing to stop yet
        return server

    monkeypatch.setattr(module, "start_server", start)
    monkeypatch.setattr(module, "load_flights", lambda: SimpleNamespace(between=lambda *_: None))
    monkeypatch.setattr(module, "fit_all", lambda *_, **__: [])
    before = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises((SystemExit, KeyboardInterrupt)) as caught,
        run_demo(tmp_path / "demo", Progress(io.StringIO())),
    ):
        pytest.fail("it went on")
    assert server.stopped
    assert signal.getsignal(signal.SIGTERM) is before
    assert number == signal.SIGINT or caught.value.code == 128 + number
