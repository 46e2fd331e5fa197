from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from mirante.app.settings import MlflowConfig, Settings, default_settings, load_settings
from mirante.app.template import CONFIG_TEMPLATE
from mirante.errors import ConfigError


def load(tmp_path, text, environ=None):
    path = tmp_path / "mirante.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ=environ or {})


def test_paths_are_relative_to_the_file(tmp_path):
    settings = load(tmp_path, "store: sqlite:///x.db\nmodels: [{model: churn, log: rows}]")
    assert settings.store == f"sqlite:///{tmp_path / 'x.db'}"
    assert settings.models[0].log == tmp_path / "rows"


def test_a_folder_with_spaces_and_an_absolute_store(tmp_path):
    folder = tmp_path / "two words"
    folder.mkdir()
    settings = load(folder, "store: sqlite:////var/lib/mirante.db")
    assert settings.store == "sqlite:////var/lib/mirante.db"
    assert load(folder, "{}").store == f"sqlite:///{folder / 'mirante.db'}"


def test_an_empty_file_is_all_defaults(tmp_path):
    settings = load(tmp_path, "# nothing\n")
    assert settings.host.interval == timedelta(seconds=60)
    assert not settings.mlflow.enabled
    assert not settings.discover


def test_the_template_of_init_is_valid_and_means_the_defaults(tmp_path):
    settings = load(tmp_path, CONFIG_TEMPLATE)
    plain = load(tmp_path, "{}")
    assert settings.model_dump(exclude={"alerts"}) == plain.model_dump(exclude={"alerts"})


def test_the_template_is_valid_with_every_comment_taken_away(tmp_path):
    lines = []
    for line in (
        CONFIG_TEMPLATE.replace("models: []", "models:").replace("tables: []", "tables:").splitlines()
    ):
        bare = line.lstrip()
        if bare.startswith(("#  ", "# ")) and not line.startswith("# "):
            line = line.replace("# ", "", 1)
        elif line.startswith("#  "):
            line = line.replace("#", "", 1)
        lines.append(line)
    text = "\n".join(lines).replace("rules: rules.yaml", "rules: []")
    settings = load(tmp_path, text, {"MIRANTE_TOKEN": "t", "SMTP_PASSWORD": "p", "SLACK_WEBHOOK_URL": "u"})
    assert settings.models[0].model == "churn"
    assert settings.tables[0].source.parquet == str(tmp_path / "orders")
    assert settings.mlflow.tracking_uri == "http://127.0.0.1:5000"
    assert {"console", "mail", "slack"} <= set(settings.alerts.channels)


def test_all_errors_are_said_at_once_with_file_line_key_got_and_needed(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(
            tmp_path,
            "hosts: {}\nlocale: klingon\nmodels:\n  - model: churn\n"
            "    window: 7h\n    lateness: 1:30\nweb:\n  port: 99999\n",
        )
    text = str(caught.value)
    assert "mirante.yaml, line 1: hosts: is no known key" in text
    assert 'line 2: locale: got "klingon"' in text
    assert "line 6: models[0].lateness" in text
    assert "1:30" in text
    assert "line 8: web.port: got 99999" in text


@pytest.mark.parametrize(
    ("entry", "needed"),
    [
        ("window: 7h", r"line 1: models\[0\]\.window: a window of 7h does not .* divisor of a day"),
        ("window: 3600", r"models\[0\].window: got 3600; needs a number and a unit"),
        ("timezone: Mars/Olympus", "IANA"),
        ("label_delay: soon", "no length of time"),
        ("model: ''", "at least 1 character"),
    ],
)
def test_a_model_entry_says_what_it_needs(tmp_path, entry, needed):
    model = "" if entry.startswith("model:") else "model: churn, "
    with pytest.raises(ConfigError, match=needed):
        load(tmp_path, f"models: [{{{model}{entry}}}]")


def test_a_subject_can_be_there_once_only(tmp_path):
    with pytest.raises(ConfigError, match=r"model/churn@champion is there twice"):
        load(tmp_path, "models: [{model: churn}, {model: churn}]")


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        ("", "privacy: {drop: [ssn]}", "privacy"),
        ("privacy: {sample: 0.5}", "privacy: {sample: 0.1}", "privacy"),
        ("log: here", "log: there", "log"),
    ],
)
def test_a_model_is_recorded_in_one_way_whatever_its_aliases(tmp_path, one, other, key):
    """Rows carry the model's name and no alias: which entry holds for them could not be told."""
    entries = [f"{{model: churn, alias: {name}, {more}}}" for name, more in (("a", one), ("b", other))]
    with pytest.raises(ConfigError, match=rf"models of 'churn' differ in {key}; .*same {key}"):
        load(tmp_path, f"models: [{', '.join(entries)}]")
    same = [f"{{model: churn, alias: {name}, {other}}}" for name in ("a", "b")]
    assert len(load(tmp_path, f"models: [{', '.join(same)}, {{model: price}}]").models) == 3


@pytest.mark.parametrize(
    ("entries", "needed"),
    [
        ("{model: a, archive: 's3://k:hunter2@b/x'}, {model: b, archive: 's3://b/x'}", "differ in archive"),
        (
            "{model: a, archive: 's3://k:hunter2@b'}, {model: b, log: c, archive: 's3://k:hunter2@b/'}",
            "two logs",
        ),
        ("{model: a, archive: 'bucket/hunter2'}", r"models\[0\].archive.*is no URL"),
        ("{model: a, archive: 's3://k:hunter2@b', archive_after: soon}", "no length of time"),
    ],
)
def test_a_log_has_one_archive_and_no_error_shows_its_secret(tmp_path, entries, needed):
    with pytest.raises(ConfigError, match=needed) as caught:
        load(tmp_path, f"models: [{entries}]")
    assert "hunter2" not in str(caught.value)
    good = load(tmp_path, "models: [{model: a, archive: 's3://k:hunter2@b'}, {model: b}, {model: c, log: d}]")
    assert good.archive_of(tmp_path / "inference-log") == "s3://k:hunter2@b"
    assert good.archive_of(tmp_path / "d") is None
    assert "hunter2" not in repr(good)


def test_an_archive_that_is_not_in_the_environment_is_said_with_its_place(tmp_path, monkeypatch):
    settings = load(tmp_path, "models: [{model: a, archive: 'env:MIRANTE_TEST_ARCHIVE'}]")
    with pytest.raises(ConfigError, match=r"line 1.*MIRANTE_TEST_ARCHIVE.*not set"):
        settings.archive_of(tmp_path / "inference-log")
    monkeypatch.setenv("MIRANTE_TEST_ARCHIVE", "s3://bucket/log")
    assert settings.archive_of(tmp_path / "inference-log") == "s3://bucket/log"


def test_mlflow_is_on_when_an_address_is_known(tmp_path):
    environ = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5001"}
    assert load(tmp_path, "{}", environ).mlflow.enabled
    assert load(tmp_path, "{}", environ).mlflow.tracking_uri == "http://127.0.0.1:5001"
    assert not load(tmp_path, "mlflow: {enabled: false}", environ).mlflow.enabled
    written = load(tmp_path, "mlflow: {tracking_uri: 'http://127.0.0.1:5002'}", environ)
    assert written.mlflow.tracking_uri == "http://127.0.0.1:5002"


def test_without_a_file_models_are_discovered(tmp_path):
    settings = default_settings(environ={}, folder=tmp_path)
    assert settings.discover
    assert settings.store == f"sqlite:///{tmp_path / 'mirante.db'}"


def test_a_missing_file_is_said_in_words(tmp_path):
    with pytest.raises(ConfigError, match=r"nothere\.yaml: cannot be read"):
        load_settings(tmp_path / "nothere.yaml", environ={})


@pytest.mark.parametrize(
    ("store", "needed"),
    [
        ("postgresql://ana:secret@host:badport/db", "this is not the address of a store"),
        ("postgresql:ana:secret@host", "this is not the address of a store"),
        ("mysql://host/db", "SQLite or PostgreSQL, not 'mysql'"),
        ("sqlite:////no/such/folder/mirante.db", "create it first"),
    ],
)
def test_the_stores_address_is_checked_with_the_file(tmp_path, store, needed):
    with pytest.raises(ConfigError, match=f"line 2: store: .*{needed}") as caught:
        load(tmp_path, f"locale: en\nstore: {store}")
    assert "secret" not in str(caught.value)


SERVER = "store: postgresql://ana@db/mirante\n"


@pytest.mark.parametrize("given", ["store_password: env:SECRET", "store_password_file: password"])
def test_the_password_of_the_store_comes_from_elsewhere_and_is_not_shown(tmp_path, given):
    (tmp_path / "password").write_text("p@ss/w:rd?\n")
    settings = load(tmp_path, SERVER + given, {"SECRET": "p@ss/w:rd?"})
    address = make_url(settings.store_address({"SECRET": "p@ss/w:rd?"}))
    assert (address.username, address.password, address.host) == ("ana", "p@ss/w:rd?", "db")
    assert "p@ss" not in f"{settings!r} {settings} {settings.store}"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (SERVER + "store_password: env:NOT_SET", "line 2: 'store_password' .*'NOT_SET', which is not set"),
        (SERVER + "store_password_file: absent", "line 2: 'store_password_file' .*absent' cannot be read"),
        (SERVER + "store_password: hunter2\nstore_password_file: f", "keep one"),
        ("store: postgresql://ana:hunter2@db/m\nstore_password: hunter2", "has a password too; keep one"),
        ("store_password: hunter2", "is for PostgreSQL and the store is a file; leave it out"),
    ],
)
def test_a_password_of_the_store_that_will_not_do(tmp_path, config, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load(tmp_path, config)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"tracking_uri": "http://ana:secret@h:5000"}, "http://h:5000"),
        ({"tracking_uri": "sqlite:///mlflow.db"}, ""),
        ({"tracking_uri": "sqlite:///mlflow.db", "ui_url": "https://ui/"}, "https://ui/"),
        ({}, ""),
    ],
)
def test_where_people_open_mlflow(settings, address):
    assert MlflowConfig(**settings).page_address() == address


def test_a_store_on_a_server_has_no_file(tmp_path):
    assert Settings(store="postgresql+psycopg://host/name").store_file is None
    assert Settings().within(tmp_path, {}).store_file == tmp_path / "mirante.db"


def test_a_config_is_named_to_commands_that_would_not_find_it(tmp_path, monkeypatch):
    for name in ("mirante.yaml", "other.yaml"):
        (tmp_path / name).write_text("locale: en\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("mirante.yaml")).named_config(tmp_path) == ""
    assert load_settings(tmp_path / "mirante.yaml").named_config(tmp_path) == ""
    assert load_settings(Path("other.yaml")).named_config(tmp_path) == str(tmp_path / "other.yaml")
    assert load_settings(Path("mirante.yaml")).named_config(tmp_path / "away") == str(
        tmp_path / "mirante.yaml"
    )
    assert default_settings(environ={}).named_config(tmp_path) == ""


def test_tables_and_models_in_batches_have_paths_of_the_files_folder(tmp_path):
    text = """
tables:
- table: orders
  source: {sql: "sqlite:///shop.db", table: t, time: at, cursor: id, password_file: pw}
  baseline: normal.csv
models:
- model: churn
  source: {parquet: scores, time: at, prediction: p}
"""
    settings = load(tmp_path, text)
    (table,), (model,) = settings.tables, settings.models
    assert table.source.sql == f"sqlite:///{tmp_path / 'shop.db'}"
    assert (table.baseline_file, table.source.password_file) == (tmp_path / "normal.csv", tmp_path / "pw")
    assert model.source.parquet == str(tmp_path / "scores")
    assert [one.subject for one in settings.watched] == ["model/churn@champion", "table/orders"]


def test_a_table_that_is_there_twice_is_refused(tmp_path):
    entry = "- {table: a, source: {parquet: x, time: at}}"
    with pytest.raises(ConfigError, match="line 1: tables: the table 'a' is there twice"):
        load(tmp_path, f"tables:\n{entry}\n{entry}\n")


def test_a_service_is_historic_when_tables_are_paused_too(tmp_path):
    paused = "- {table: a, paused: true, source: {parquet: x, time: at}}"
    awake = "- {table: b, source: {parquet: x, time: at}}"
    assert load(tmp_path, f"tables:\n{paused}\n").historic
    assert not load(tmp_path, f"tables:\n{paused}\n{awake}\n").historic
