"""The config and the rules that the demonstration writes into its folder."""

from __future__ import annotations

import re
from pathlib import Path

from mirante.app.settings import Settings, load_settings
from mirante.demo.flights import TIMEZONE
from mirante.demo.training import ALIAS, MODEL
from mirante.monitors.config import ModelConfig
from mirante.yaml_file import parse_yaml

__all__ = ["MARKER", "demo_settings", "write_config"]

MARKER = ".mirante-demo"

_CONFIG = """\
# Written by `mirante demo`; kept by the next one, so that channels added here are used then.
store: sqlite:///mirante.db
mlflow:
  tracking_uri: {tracking_uri}
experiments:
  include: ["*"]            # runs of MLflow are followed while they train: the page Experiments
models:
  - model: {model}
    alias: {alias}
    log: inference-log
    window: 1d
    timezone: {timezone}
    lateness: 0s
    label_delay: 12h          # labels of a day arrive when the next one is over
    alarm_budget: 1 per 30d
    paused: true              # 2013 is over: its pages stay, no new windows are cut
alerts:
  rules: rules.yaml
  channels:
    console: {{type: console}}
    # mail:
    #   type: email
    #   smtp_server: smtp.example.org:587
    #   smtp_user: mirante
    #   smtp_password: env:SMTP_PASSWORD
    #   sender: mirante@example.org
    #   recipients: [ops@example.org]
    # slack:
    #   type: slack
    #   webhook_url: env:SLACK_WEBHOOK_URL
"""

_RULES = """\
# What the demonstration watches for, beside the rules that come with Mirante; one of the same name takes
# the place of theirs. A window is a day on New York's clock; keep_firing_for makes one alert of
# a week of storms.
rules:
  - name: missing_values
    when: missing_ratio > 0 and missing_detected == 1
    keep_firing_for: 3d
    severity: warning
    summary: "{{ $value | humanizePercentage }} of {{ $labels.feature }} is missing, more than in January"
  - name: many_missing_values
    when: missing_ratio > 0.3 and missing_detected == 1
    severity: critical
    summary: "{{ $value | humanizePercentage }} of {{ $labels.feature }} is missing: flights cancelled"
  - name: feature_drift
    when: drift_effect > 0.1 and drift_detected == 1
    where: {feature: "!=prediction"}
    keep_firing_for: 3d
    severity: warning
    summary: "{{ $labels.feature }} moved away from January"
  - name: severe_drift
    when: drift_effect > 0.4 and drift_detected == 1
    keep_firing_for: 1d
    severity: critical
    summary: "{{ $labels.feature }} moved far away from January"
  - name: prediction_drift
    when: drift_effect > 0.1 and drift_detected == 1
    where: {feature: prediction}
    keep_firing_for: 3d
    severity: warning
    summary: "the predictions moved away from January"
  - name: model_worse
    when: performance_log_loss > 0.5
    keep_firing_for: 3d
    severity: warning
    summary: "log-loss {{ $value }}; January had 0.28"
  - name: probabilities_off
    when: performance_calibration_error_lower > 0.1
    keep_firing_for: 3d
    severity: warning
    summary: "the probabilities are off by more than {{ $value }} on average"
  - name: new_categories
    when: new_category_ratio > 0 and new_category_detected == 1
    keep_firing_for: 8d       # the airports of summer have most of their flights on Saturdays
    severity: warning
    summary: "{{ $value | humanizePercentage }} of {{ $labels.feature }} is new since January"
"""


def write_config(folder: Path, tracking_uri: str) -> Path:
    """Write ``mirante.yaml`` and ``rules.yaml``; what is there stays, but for the server's port.

    Parameters
    ----------
    folder : Path
        The demonstration's.
    tracking_uri : str
        Address of its MLflow server.

    Returns
    -------
    Path
        Of ``mirante.yaml``.
    """
    config = folder / "mirante.yaml"
    if config.exists():  # this demonstration's server has another port than the last one's
        text = config.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^(  tracking_uri: )http://127\.0\.0\.1:\d+$", rf"\g<1>{tracking_uri}", text)
    else:
        text = _CONFIG.format(tracking_uri=tracking_uri, model=MODEL, alias=ALIAS, timezone=TIMEZONE)
    config.write_text(text, encoding="utf-8")
    rules = folder / "rules.yaml"
    if not rules.exists():
        rules.write_text(_RULES, encoding="utf-8")
    return config


def demo_settings(
    folder: Path, tracking_uri: str, *, config: Path | None = None, port: int | None = None
) -> Settings:
    """Return the settings of the demonstration: its own folder, server, model and rules.

    Parameters
    ----------
    folder : Path
        The demonstration's; its ``mirante.yaml`` and ``rules.yaml`` are written if missing.
    tracking_uri : str
        Address of its MLflow server.
    config : Path, optional
        A file to take everything else from, such as channels and language; the folder's own by default.
    port : int, optional
        Port of the page; a free one by default.

    Returns
    -------
    Settings
        With one model. Rules that the file brings take the place of the demonstration's.

    Raises
    ------
    ConfigError
        If the file is wrong.
    """
    own = write_config(folder, tracking_uri)
    given = load_settings(config or own)
    (model,) = [m for m in given.models if m.model == MODEL and m.alias == ALIAS] or _models(tracking_uri)
    rules = given.alerts.rules or folder / "rules.yaml"
    update = {"models": (model,), "alerts": given.alerts.model_copy(update={"rules": rules})}
    return given.model_copy(update=update).for_demo(folder=folder, tracking_uri=tracking_uri, port=port)


def _models(tracking_uri: str) -> tuple[ModelConfig, ...]:
    text = _CONFIG.format(tracking_uri=tracking_uri, model=MODEL, alias=ALIAS, timezone=TIMEZONE)
    return Settings.model_validate(parse_yaml(text).data).models
