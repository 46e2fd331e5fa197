import asyncio
import json
import sys
import traceback
from datetime import UTC, datetime, timedelta

import pytest

from mirante.app import build as module
from mirante.app.build import build, log_of_subject
from mirante.app.settings import load_settings
from mirante.errors import ConfigError, LeaseLostError, MissingDependencyError, StoreError, TrackingError
from mirante.inference_log.reader import InferenceLog
from mirante.readings import Reading
from tests.web.conftest import Client

AT = datetime(2026, 1, 1, tzinfo=UTC)


def settings_of(tmp_path, text="{}", environ=None):
    path = tmp_path / "mirante.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ=environ or {})


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("alerts: {rules: rules.yaml}", r"rules\.yaml: cannot be read"),
        ("alerts: {rules: broken.yaml}", r"broken\.yaml, line 3: rules\[0\]\.severity"),
        (
            "alerts: {channels: {chat: {type: slack, webhook_url: 'env:NOT_SET_HERE'}}}",
            r"channels\.chat: .*NOT_SET_HERE",
        ),
        (
            "alerts: {channels: {chat: {type: slack, webhook_url_file: nothing.txt}}}",
            r"channels\.chat: .*nothing\.txt' cannot be read",
        ),
        ("web: {host: 0.0.0.0}", "web.host is '0.0.0.0', which others can reach, and there is no token"),
        ("web: {host: 0.0.0.0, token: short}", r"line 1: web\.token has 5 characters"),
        (
            f"web:\n  host: 0.0.0.0\n  token: {'t' * 20}\n  agent_token: short",
            r"line 4: web\.agent_token has 5 characters",
        ),
        (
            f"web:\n  token: {'t' * 20}\n  agent_token: {'t' * 20}",
            r"line 3: web\.agent_token is the same as web\.token",
        ),
        ("web: {token: 'env:NOT_SET_HERE'}", "NOT_SET_HERE"),
        ("web: {token_file: nothing.txt}", r"nothing\.txt' cannot be read"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_opened(tmp_path, text, needed):
    (tmp_path / "broken.yaml").write_text("rules:\n  - {name: a, when: x > 1,\n     severity: loud}\n")
    settings = settings_of(tmp_path, text)
    with pytest.raises(ConfigError, match=needed):
        build(settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.yaml", "mirante.yaml"]


def test_what_is_found_wrong_while_building_has_a_line_too(tmp_path):
    (tmp_path / "mirante.yaml").write_text(
        "web:\n  port: 0\n  host: 0.0.0.0\n"
        "alerts:\n  channels:\n"
        "    chat:\n      type: slack\n      webhook_url: env:NOT_SET_HERE\n"
        "    talk:\n      type: slack\n      webhook_url_file: nothing.txt\n"
        "    mail: {type: slack, webhook_url: 'htp://x/y'}\n"
    )
    settings = load_settings(tmp_path / "mirante.yaml", environ={})
    with pytest.raises(ConfigError, match=r"mirante\.yaml, line 3: web\.host is '0\.0\.0\.0'"):
        build(settings)
    web = settings.web.model_copy(update={"host": "127.0.0.1"})
    with pytest.raises(ConfigError) as caught:
        build(settings.model_copy(update={"web": web}))
    chat, talk, mail = str(caught.value).splitlines()
    assert chat.startswith(f"{tmp_path / 'mirante.yaml'}, line 8: alerts.channels.chat: 'webhook_url' is to")
    assert "line 11: alerts.channels.talk: 'webhook_url_file' " in talk
    assert "line 12: alerts.channels.mail: the Slack webhook address is not of the form" in mail


SECRET = "hunter2-hunter2"
SECTIONS = {
    "": "{key}: {value}\n",
    "mlflow": "mlflow:\n  {key}: {value}\n",
    "host": "host:\n  {key}: {value}\n",
    "web": "web:\n  {key}: {value}\n",
    "models": "models:\n  - model: churn\n    {key}: {value}\n",
    "alerts": "alerts:\n  {key}: {value}\n",
    "email": "alerts:\n  channels:\n    x:\n      type: email\n      {key}: {value}\n",
    "slack": "alerts:\n  channels:\n    x:\n      type: slack\n      {key}: {value}\n",
    "routes": "alerts:\n  routes:\n    {key}: {value}\n",
    "channels": "alerts:\n  channels:\n    {key}: {value}\n",
}
KEYS = {
    "": ["store", "mlflow", "host", "models", "alerts", "web", "surprise"],
    "mlflow": ["tracking_uri", "experiment", "surprise"],
    "host": ["name", "surprise"],
    "web": ["host", "token", "token_file", "allowed_hosts", "surprise"],
    "models": ["surprise"],
    "alerts": ["channels", "routes", "default_rules", "links", "surprise"],
    "email": ["smtp_server", "smtp_user", "smtp_password", "smtp_password_file", "sender", "recipients"],
    "slack": ["type", "webhook_url", "webhook_url_file", "surprise"],
    "routes": ["match", "channels", "routes", "continue"],
    "channels": ["x"],
}
SHAPES = [
    f"https://hooks.example/{SECRET}",
    f"http://ana:{SECRET}@127.0.0.1:badport/x",
    f"ana:{SECRET}@mail:587",
    f"!{SECRET} x",
    f"[https://hooks.example/{SECRET}]",
    f"{{type: 'https://hooks.example/{SECRET}'}}",
    f"{{surprise: 'https://hooks.example/{SECRET}'}}",
    f"'env:https://hooks.example/{SECRET}'",
    "31337421",
]


@pytest.mark.parametrize(("section", "key"), [(section, key) for section in KEYS for key in KEYS[section]])
@pytest.mark.parametrize("value", SHAPES)
def test_a_secret_in_the_wrong_place_is_in_no_error(tmp_path, section, key, value):
    (tmp_path / "mirante.yaml").write_text(SECTIONS[section].format(key=key, value=value), encoding="utf-8")
    try:
        with build(load_settings(tmp_path / "mirante.yaml", environ={})):
            return  # it is a text that may stand here
    except (ConfigError, StoreError) as error:
        said = "".join(traceback.format_exception(error))
        told = str(error)
    if not (key.endswith("_file") and "cannot be read" in told):  # paths are shown
        assert SECRET not in told
    if SECRET in value:
        assert "ValidationError" not in said  # pydantic's own text repeats what it got
    if key in ("token", "smtp_password", "webhook_url"):
        assert "31337421" not in told
    assert told.startswith((str(tmp_path / "mirante.yaml"), "the store"))


def test_a_secret_from_the_environment_is_in_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", SECRET)
    mail = "{type: email, smtp_server: 'x:587', smtp_password: 'env:SMTP_PASSWORD', recipients: [a@b.org]}"
    chat = "{type: slack, webhook_url: 'env:NOT_SET_HERE'}"
    with pytest.raises(ConfigError) as caught:
        build(settings_of(tmp_path, f"alerts: {{channels: {{mail: {mail}, chat: {chat}}}}}"))
    assert SECRET not in str(caught.value)


def test_files_named_in_the_config_are_beside_it(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "token.txt").write_text("a token of more than sixteen characters\n")
    (tmp_path / "hook.txt").write_text("https://hooks.slack.com/services/T/B/x\n")
    (tmp_path / "rules.yaml").write_text("rules: [{name: mine, when: x > 1}]")
    text = (
        "web: {host: 0.0.0.0, token_file: token.txt}\n"
        "alerts: {rules: rules.yaml, channels: {chat: {type: slack, webhook_url_file: hook.txt}}}\n"
    )
    with build(settings_of(tmp_path, text)) as parts:
        assert parts.settings.web.secret() == "a token of more than sixteen characters"
        assert parts.default_log.root == tmp_path / "inference-log"
    assert (tmp_path / "mirante.db").exists()
    assert list(elsewhere.iterdir()) == []


def test_a_model_that_is_not_configured_has_the_log_beside_the_config(tmp_path):
    text = "models:\n  - {model: m, log: rows, window: 1d}\n"
    settings = settings_of(tmp_path, text)
    assert log_of_subject(settings, "model/m@champion").root == tmp_path / "rows"
    assert log_of_subject(settings, "model/other@champion").root == tmp_path / "inference-log"


def is_open(tmp_path):
    """Whether a connection is left: the last one takes the write-ahead log along."""
    return (tmp_path / "mirante.db-wal").exists()


def test_leaving_the_context_closes_the_store(tmp_path):
    with build(settings_of(tmp_path)) as parts:
        parts.store.readings.write([Reading("system_cpu_percent", 1.0, AT, {"host": "a"})])
        assert is_open(tmp_path)
    assert not is_open(tmp_path)
    with build(settings_of(tmp_path)) as parts:
        assert parts.store.readings.count() == 1


def test_an_error_inside_closes_it_too(tmp_path):
    with pytest.raises(ZeroDivisionError), build(settings_of(tmp_path)):
        raise ZeroDivisionError
    assert not is_open(tmp_path)


def test_a_failure_after_the_store_was_opened_closes_it(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        assert is_open(tmp_path)
        raise ConfigError("no luck")

    monkeypatch.setattr(module, "HostSource", fail)
    with pytest.raises(ConfigError, match="no luck"):
        build(settings_of(tmp_path))
    assert not is_open(tmp_path)


def test_a_store_that_cannot_be_opened_is_said(tmp_path):
    (tmp_path / "mirante.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        build(settings_of(tmp_path))


def test_the_host_has_the_name_of_the_config(tmp_path):
    with build(settings_of(tmp_path, "host: {name: web-1}")) as parts:
        assert {reading.labels["host"] for reading in parts.host.read(AT)} == {"web-1"}


def fire(parts):
    """Let the rule `hot` fire and return its notices."""
    parts.store.readings.write([Reading("x", 2.0, AT, {"host": "a"})])
    parts.engine.advance(AT, lambda _: timedelta(hours=1))
    assert [row.rule for row in parts.store.alerts.open()] == ["hot"]
    return parts.store.outbox.list()


HOT = "rules: [{name: hot, when: x > 1, severity: critical}], channels: {console: {type: console}}"


def test_rules_of_the_config_fire_and_their_channels_are_told(tmp_path):
    with build(settings_of(tmp_path, f"alerts: {{{HOT}, links: {{Page: 'http://x/{{subject}}'}}}}")) as parts:
        (notice,) = fire(parts)
        assert notice.channel == "console"
        links = notice.payload["links"]
        assert links["Page"] == "http://x/host%2Fa"
        assert links["subject"] == "http://127.0.0.1:8765/host?subject=host%2Fa"
        assert notice.payload["silence"].startswith(
            f"mirante alerts silence -c {tmp_path}/mirante.yaml --alert "
        )


@pytest.mark.parametrize(
    ("text", "locale", "title"),
    [
        (f"alerts: {{{HOT}}}", "en", "Critical alert: hot: x > 1"),
        (f"{{locale: pt_BR, alerts: {{{HOT}}}}}", "pt_BR", "Alerta Crítico: hot: x > 1"),
    ],
)
def test_notices_are_in_the_language_of_the_config(tmp_path, text, locale, title):
    with build(settings_of(tmp_path, text)) as parts:
        (notice,) = fire(parts)
        assert (notice.payload["locale"], notice.payload["title"]) == (locale, title)


def test_without_an_address_there_is_no_client(tmp_path):
    with build(settings_of(tmp_path)) as parts:
        assert parts.server_name == "none"
        with pytest.raises(TrackingError, match=r"no MLflow server is known; set mlflow.tracking_uri"):
            parts.client()


def test_the_servers_name_has_no_password(tmp_path):
    uri = "http://ana:secret@127.0.0.1:9/team"
    with build(settings_of(tmp_path, f"mlflow: {{tracking_uri: '{uri}'}}")) as parts:
        assert parts.server_name == "http://127.0.0.1:9/team"
        assert parts.client().tracking_uri == uri


def test_models_have_their_own_log_and_the_sink_is_made_once(tmp_path):
    mlflow = "mlflow: {tracking_uri: 'http://127.0.0.1:9', experiment: watch}"
    text = f"{mlflow}\nmodels: [{{model: churn, log: rows}}]"
    settings = settings_of(tmp_path, text)
    with build(settings) as parts:
        assert parts.log_of(settings.models[0]).root == tmp_path / "rows"
        assert parts.mlflow_sink is parts.mlflow_sink
        assert parts.mlflow_sink._experiment == "watch"


def test_the_page_shows_this_store_in_the_language_of_the_config(tmp_path):
    with build(settings_of(tmp_path, "locale: pt_BR")) as parts:
        parts.store.readings.write([Reading("system_cpu_percent", 1.0, AT, {"host": "web-77"})])
        page = Client(parts.make_app(lambda: {"status": "degraded", "tasks": {}}))
        assert json.loads(page.get("/healthz").text)["status"] == "degraded"
        assert 'host="web-77"' in page.get("/metrics").text
        overview = page.get("/").text
        assert "web-77" in overview
        assert 'lang="pt-BR"' in overview


def test_the_page_asks_for_the_token_of_the_config(tmp_path):
    with build(settings_of(tmp_path, "web: {token: a long and random text}")) as parts:
        page = Client(parts.make_app(dict))
        assert page.get("/metrics", accept="text/plain").status == 401
        assert page.get("/metrics", authorization="Bearer a long and random text").status == 200


def test_predictions_over_the_api_keep_what_the_config_lets_them(tmp_path):
    text = "models: [{model: churn, log: here, privacy: {drop: [name], hash: [mail], key: 0123456789abcdef}}]"
    with build(settings_of(tmp_path, text)) as parts:
        parts.recorders.record("churn", "3", [{"name": "ana", "mail": "a@b", "age": 31}], [0.25])
    (row,) = InferenceLog(tmp_path / "here").scan("churn").to_pylist()
    assert "name" not in row
    assert (row["age"], len(row["mail"])) == (31, 32)


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ("models: [{model: churn, log: here}]", {"churn": "here"}),
        (
            "{models: [{model: churn, log: here}], discover: true}",
            {"churn": "here", "price": "inference-log"},
        ),
    ],
)
def test_predictions_over_the_api_go_into_the_log_of_their_model_and_are_there_at_the_end(
    tmp_path, text, folders
):
    answers = {}
    with build(settings_of(tmp_path, text)) as parts:
        client = Client(parts.make_app(dict))
        for model in ("churn", "price"):
            row = {"model": model, "version": "3", "inputs": [{"age": 31}], "predictions": [0.25]}
            body, kind = json.dumps(row).encode(), "application/json"
            answers[model] = client("POST", "/api/v1/predictions", body=body, content_type=kind).status
    assert answers == {model: 202 if model in folders else 404 for model in answers}
    for model, folder in folders.items():
        assert InferenceLog(tmp_path / folder).scan(model).num_rows == 1


def test_notices_name_a_config_that_commands_would_not_find(tmp_path, monkeypatch):
    rule = "{name: busy, when: system_cpu_percent > 90, for: 0s}"
    text = f"alerts: {{default_rules: false, rules: [{rule}], channels: {{console: {{type: console}}}}}}"
    (tmp_path / "away").mkdir()
    for folder, named in ((tmp_path, False), (tmp_path / "away", True)):
        monkeypatch.chdir(folder)
        settings = settings_of(tmp_path, text).model_copy(update={"store": f"sqlite:///{folder}/own.db"})
        with build(settings, clock=lambda: AT) as parts:
            parts.store.readings.write([Reading("system_cpu_percent", 99.0, AT, {"host": "h"})])
            for minutes in (0, 2):  # a group waits for more to come
                parts.engine.advance(AT + timedelta(minutes=minutes), lambda _: timedelta(hours=1))
            (notice,) = parts.store.outbox.list()
        assert (f"-c {tmp_path}/mirante.yaml" in notice.payload["silence"]) == named


def test_every_way_to_a_log_takes_its_archive_along(tmp_path):
    url = f"file://{tmp_path}/archive"
    text = f"models: [{{model: churn, archive: '{url}'}}, {{model: price}}, {{model: other, log: else}}]"
    settings = settings_of(tmp_path, text + "\ndiscover: true")
    with build(settings) as parts:
        churn, price, other = map(parts.log_of, settings.models)
        assert churn.archive is price.archive is parts.default_log.archive, "all of one folder ask once"
        assert churn.archive.name == url
        assert other.archive is None
    assert log_of_subject(settings, "model/churn@champion").archive.name == url
    assert log_of_subject(settings, "model/found@champion").archive.name == url
    assert log_of_subject(settings, "model/other@champion").archive is None


def test_the_parts_of_a_holder_know_what_is_in_the_store_and_end_with_its_lease(tmp_path):
    text = f"mlflow: {{tracking_uri: 'http://127.0.0.1:9'}}\nalerts: {{{HOT}}}"
    with build(settings_of(tmp_path, text)) as parts:
        fire(parts)
        mine = parts.store.lease.take("a", after=None, host="web-1", process=77)
        allowed = [1]
        held = parts.fenced(mine.token, lambda: bool(allowed))
        (standing,) = held.engine.standing()
        assert standing[0].rule == "hot"
        assert held.mlflow_sink is not parts.mlflow_sink
        assert held.client().tracking_uri == "http://127.0.0.1:9"
        assert [one.channel for one in asyncio.run(held.outbox.run_once(datetime.now(UTC)))] == ["console"]
        parts.store.lease.take("b", after=mine, host="web-2", process=78)
        parts.store.readings.write([Reading("x", 9.0, AT, {"host": "c"})])  # what agents write needs no lease
        assert len(held.store.readings.latest()) == 2
        with pytest.raises(LeaseLostError, match="process 78 on web-2"):
            held.engine.advance(AT + timedelta(minutes=1), lambda _: timedelta(hours=1))
        allowed.clear()
        with pytest.raises(LeaseLostError, match="it sends nothing"):
            held.client()
        parts.client()


def test_what_spark_counts_is_asked_of_one_spark_that_is_not_started_yet(tmp_path, monkeypatch):
    text = """
tables:
  - {table: here, source: {parquet: a, time: at}}
  - {table: there, source: {parquet: a, time: at}, engine: spark}
  - {table: named, source: {spark: shop.orders, time: at, cursor: n}, engine: spark}
models:
  - {model: batch, source: {spark: shop.scores, time: at, cursor: n, prediction: p}, engine: spark}
spark: {master: "local[1]"}
"""
    settings = settings_of(tmp_path, text)
    here, there, named = settings.tables
    with build(settings) as parts:
        assert parts.spark_for(here) is None
        assert "spark" not in vars(parts)
        assert parts.spark_for(there)._engine is parts.spark_for(named)._engine is parts.spark
        assert parts.source_of(there).root == str(tmp_path / "a")
        assert parts.source_of(named).root == "shop.orders"
        assert parts.rows_of(settings.models[0]).root == "shop.scores"
        assert not parts.spark.started
        monkeypatch.setitem(sys.modules, "pyspark", None)
        with pytest.raises(MissingDependencyError, match=r"mirante\[spark\]"):
            parts.spark_for(there)
