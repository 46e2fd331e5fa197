"""Pages that repeat what the code says are kept equal to it."""

import runpy
import tomllib

import mirante
from mirante.alerts.actions.config import ProposeAliasAction, TagAction
from mirante.alerts.channels.config import (
    AlertmanagerConfig,
    AppriseConfig,
    EmailConfig,
    SlackConfig,
    WebhookConfig,
)
from mirante.alerts.config import AlertsConfig, RouteConfig
from mirante.alerts.heartbeat import HeartbeatConfig
from mirante.app.sections import RetentionConfig
from mirante.app.settings import HostConfig, MlflowConfig, Settings
from mirante.cli import main
from mirante.monitors.config import ModelConfig
from mirante.sources.registry import RegistryConfig
from mirante.sources.runs import ExperimentsConfig
from mirante.sources.spark.config import SparkConfig
from mirante.sources.traces import TracesConfig
from mirante.views.tables.config import TablesConfig
from mirante.web.config import WebConfig
from tests.house.source import ROOT


def test_readings_page_is_the_table_of_the_code():
    page = (ROOT / "docs" / "readings.md").read_text(encoding="utf-8")
    written = runpy.run_path(str(ROOT / "docs" / "readings_table.py"))["page"]()
    assert page == written, "run: .venv/bin/python docs/readings_table.py"


def test_the_columns_of_the_tables_are_those_of_the_views():
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    written = runpy.run_path(str(ROOT / "docs" / "tables_table.py"))["page"](page)
    assert page == written, "run: .venv/bin/python docs/tables_table.py"


def test_every_name_of_the_facade_is_in_the_reference():
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    lines = {line.strip() for line in page.splitlines()}
    entries = {name: {f".. autoclass:: {name}", f".. autofunction:: {name}"} for name in mirante.__all__}
    assert [name for name, forms in entries.items() if name != "__version__" and not forms & lines] == []


def test_changelog_has_the_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text
    assert mirante.__version__ in text


def test_extras_in_the_documentation_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    extras = set(project["optional-dependencies"]) - {"dev"}
    assert {extra for extra in extras if f"mirante[{extra}]" not in page} == set()


def test_licence_is_apache():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n" in text
    assert "Version 2.0, January 2004" in text
    assert len(text.splitlines()) > 200, "the whole text, not a note about it"


def test_every_setting_and_command_is_in_the_configuration_page():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    parts = {
        "mlflow.": MlflowConfig,
        "host.": HostConfig,
        "experiments.": ExperimentsConfig,
        "registry.": RegistryConfig,
        "traces.": TracesConfig,
        "web.": WebConfig,
        "alerts.": AlertsConfig,
        "alerts.heartbeat.": HeartbeatConfig,
        "result_tables.": TablesConfig,
        "retention.": RetentionConfig,
        "spark.": SparkConfig,
    }
    named = {f"{prefix}{name}" for prefix, part in parts.items() for name in part.model_fields}
    channels = (AlertmanagerConfig, AppriseConfig, EmailConfig, SlackConfig, WebhookConfig)
    for plain in (ModelConfig, RouteConfig, TagAction, ProposeAliasAction, *channels):
        named |= {field.alias or name for name, field in plain.model_fields.items()} - {"type"}
    named |= set(Settings.model_fields) - {prefix.rstrip(".") for prefix in parts}
    assert {name for name in named if f"`{name}`" not in page} == set()
    assert {name for name in main.commands if f"`mirante {name} " not in page} == set()
    options = {
        option for command in main.commands.values() for param in command.params for option in param.opts
    }
    words = {option for option in options if option.startswith("--")}
    assert {word for word in words if word not in page} == set()
