"""The command ``mirante serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirante.cli.group import config_option, server_of, settings_of
from mirante.errors import ConfigError

if TYPE_CHECKING:
    from mirante.app.settings import Settings

__all__ = ["serve"]

_WORKERS = click.IntRange(1, 256)


@click.command()
@click.argument("model_uri", metavar="MODEL_URI")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=5001, show_default=True, help="0 takes a free one."
)
@click.option("--workers", type=_WORKERS, default=1, show_default=True, help="Processes that answer.")
@click.option(
    "--log",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the inference log; by default the config's for this model, else inference-log.",
)
@click.option(
    "--shadow", metavar="MODEL_URI", help="Another version, which is asked the same beside and recorded too."
)
@click.option("--model", metavar="NAME", help="Name to record under, where MODEL_URI does not say.")
@click.option("--version", metavar="V", help="Version to record under, where MODEL_URI does not say.")
@click.option(
    "--prediction", metavar="PART", help="Name, or position from 0, of the value to record, where one "
    "prediction is several."
)  # fmt: skip
@click.option(
    "--drop", metavar="COLUMN", multiple=True, help="Feature that is not recorded; may be repeated."
)
@click.option(
    "--timeout", type=click.IntRange(1), default=60, show_default=True, help="Seconds for one request."
)
@click.option(
    "--flush-interval",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Seconds until a recorded row is durable.",
)
@click.option(
    "--tracking-uri",
    help="MLflow server; the config's, else that of MLFLOW_TRACKING_URI, by default.",
)
@config_option
def serve(
    model_uri: str, log: Path | None, drop: tuple[str, ...], config: Path | None, **options: Any
) -> None:
    """Serve the model at MODEL_URI as mlflow models serve does, and record what it is asked and answers.

    MODEL_URI is models:/NAME@ALIAS, models:/NAME/VERSION, runs:/RUN/PATH or a folder. The answers are
    MLflow's own, byte for byte; what is new is the header X-Prediction-Id, and /metrics for Prometheus.

    MLflow's scoring server asks for no password: leave it at 127.0.0.1, or put a proxy in front of it.
    """
    from mirante.capture.privacy import check_columns
    from mirante.capture.serve.launcher import ServeSettings
    from mirante.capture.serve.launcher import serve as serve_model

    settings = settings_of(config)
    uris = (model_uri, options["shadow"] or "")
    in_mlflow = any(uri.startswith(("models:", "runs:")) for uri in uris)
    options["tracking_uri"] = server_of(settings, options["tracking_uri"], needed=in_mlflow)
    folder, privacy = _recorded(model_uri, options["model"], settings)
    privacy["drop"] = [*privacy.get("drop", ()), *drop]
    try:
        check_columns(frozenset(privacy["drop"]), frozenset(privacy.get("hash", ())))
    except ConfigError as error:
        raise ConfigError(f"--drop: {error}") from None
    serve_model(ServeSettings(model_uri, log or folder, privacy=privacy, **options), click.echo)


def _recorded(model_uri: str, model: str | None, settings: Settings) -> tuple[Path, dict[str, Any]]:
    """Return where the service of the same config reads the rows of a model, and what of them is recorded."""
    name = model or model_uri.removeprefix("models:").strip("/").partition("/")[0].partition("@")[0]
    for one in settings.models:
        if one.model == name:
            one.privacy.build(settings.folder)  # a key that cannot be read is an error before the model loads
            return one.log, one.privacy.plain(settings.folder)
    return settings.default_log, {}
