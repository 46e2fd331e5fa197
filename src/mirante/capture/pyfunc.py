"""A model that takes its recording along: wherever MLflow loads it, its predictions are recorded."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.capture.config import PrivacyConfig
from mirante.capture.privacy import check_share
from mirante.capture.signature import Signature, warn_of_unknown
from mirante.errors import InputError, MiranteError, need

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirante.capture.recorder import Recorder

__all__ = ["RECORDED_BY_SERVER", "RecordedModel", "log_recorded_model"]

RECORDED_BY_SERVER = "MIRANTE_RECORDED_BY_SERVER"
"""Set in processes whose server records already, so that no prediction is recorded twice."""

_VERSION = "MIRANTE_MODEL_VERSION"
_ORDERS = "recorded.json"
_INNER = "model"
_UNKNOWN = "unknown"

_log = logging.getLogger("mirante.capture")


def log_recorded_model(
    model_uri: str,
    model: str,
    log: str | Path = "inference-log",
    *,
    drop: Sequence[str] = (),
    hash: Sequence[str] = (),  # noqa: A002 - the word of the config
    key: str | None = None,
    sample: float = 1.0,
    **options: Any,
) -> Any:
    """Log a model again, with its recording inside.

    The new model holds the old one, with its signature, input example and requirements; it answers the same.
    Whoever loads it (`mlflow models serve`, a container made by MLflow, `mlflow.pyfunc.load_model`, Spark)
    records its predictions, if the package ``mirante`` is installed there, which is among its requirements.
    Served by `mirante serve`, which records by itself, it does not record once more.

    Parameters
    ----------
    model_uri : str
        The model, as MLflow names it: ``models:/churn/3``, ``runs:/…/model``, a folder.
    model : str
        Name that its predictions are recorded under: that of the registered model.
    log : path, default "inference-log"
        Folder of the inference log, where the model will run; there relative to the working folder.
    drop, hash : sequence of str
        Features that are not recorded, or of which a keyed hash is.
    key : str, optional
        Where the key of the hashes is, as ``env:NAME``. A key itself is refused: everybody who can read the
        model could read it.
    sample : float, default 1.0
        Share of the predictions that is recorded.
    **options
        Of `mlflow.pyfunc.log_model`: ``name``, ``registered_model_name`` and the like.

    Returns
    -------
    mlflow.models.model.ModelInfo
        Of the new model.

    Raises
    ------
    InputError
        If the key is not named by an environment variable, or the share is none.
    ConfigError
        If a column is to be both dropped and hashed.

    Warns
    -----
    MiranteWarning
        If the model's signature has no column of a name that is to be dropped or hashed.

    Notes
    -----
    The version in the inference log is that of the registered model `model` that MLflow has for the loaded
    model, asked for when it is loaded; or ``MIRANTE_MODEL_VERSION`` of the environment, where that is set.
    """
    if key is not None and not key.startswith("env:"):
        raise InputError(
            "key has to name an environment variable, as env:NAME; the key itself would lie in the model"
        )
    check_share(sample)
    privacy = PrivacyConfig(drop=tuple(drop), hash=tuple(hash), sample=sample)
    if privacy.hash and key is None:
        raise InputError("columns are to be hashed and there is no key; give key='env:NAME'")
    need("mlflow", extra="mlflow")
    import mlflow

    from mirante import __version__

    with tempfile.TemporaryDirectory(prefix="mirante-") as folder:
        data = Path(folder)
        # a run's model comes into a folder of its name, a registered one right into the folder that is given
        (data / _INNER).mkdir()
        inner = Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=str(data / _INNER)))
        known = mlflow.models.Model.load(str(inner))
        warn_of_unknown(model, Signature.of(known.get_input_schema()), {*drop, *hash})
        orders = {
            "model": model,
            "inner": inner.relative_to(data).as_posix(),
            "log": str(log),
            "privacy": {"drop": list(drop), "hash": list(hash), "key": key, "sample": sample},
        }
        (data / _ORDERS).write_text(json.dumps(orders), encoding="utf-8")
        chosen = {
            "signature": known.signature,
            "pip_requirements": [*_requirements(inner), f"mirante=={__version__}"],
            **options,
        }
        return mlflow.pyfunc.log_model(loader_module=__name__, data_path=str(data), **chosen)


def _requirements(inner: Path) -> list[str]:
    """Return what the inner model asks for, by the file that MLflow keeps with each."""
    file = inner / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in lines if line.strip() and not line.startswith("mirante")]


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> RecordedModel:  # noqa: ARG001  MLflow's call
    """Load the model: the name and the arguments are MLflow's."""
    import mlflow

    data = Path(path)
    orders = json.loads((data / _ORDERS).read_text(encoding="utf-8"))
    inner = mlflow.pyfunc.load_model(str(data / orders["inner"]))
    if os.environ.get(RECORDED_BY_SERVER):
        return RecordedModel(inner, None)
    try:
        return RecordedModel(inner, _recorder(orders, data), orders["model"])
    except Exception as error:  # a model that answers is worth more than its record
        _log.error("%s is loaded, and not recorded: %s", orders["model"], error)
        return RecordedModel(inner, None)


def _recorder(orders: Mapping[str, Any], data: Path) -> Recorder:
    from mirante.capture.recorder import Recorder

    privacy = PrivacyConfig(**orders["privacy"])
    return Recorder(
        orders["model"],
        orders["log"],
        version=os.environ.get(_VERSION) or _version(orders["model"], data),
        privacy=privacy.build(Path.cwd()) if privacy.drop or privacy.hash else None,
        sample=privacy.sample,
    )


def _version(model: str, data: Path) -> str:
    """Return the version of the registered model that was loaded: the newest that was made of it."""
    from mirante.tracking.client import brief_requests, connect
    from mirante.tracking.registry import answering, versions_made_of

    known = _metadata(data)
    try:
        client = answering(connect)
        with brief_requests():
            versions = versions_made_of(
                client, model, model_id=known.get("model_id"), run_id=known.get("run_id")
            )
    except MiranteError as error:
        versions, why = [], str(error)
    else:
        why = f"MLflow has no version of {model} that was made of it; register it"
    if not versions:
        _log.warning(
            "%s is recorded as version %r, which nothing watches: %s, or set %s",
            model,
            _UNKNOWN,
            why,
            _VERSION,
        )
    return versions[-1] if versions else _UNKNOWN


def _metadata(data: Path) -> dict[str, Any]:
    """Return what MLflow wrote about the model that `data` is a part of."""
    import yaml

    for folder in data.parents:
        if (folder / "MLmodel").exists():
            found: dict[str, Any] = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
            return found
    return {}


class RecordedModel:
    """What MLflow calls in place of the model; made by loading what `log_recorded_model` logged.

    Parameters
    ----------
    inner : mlflow.pyfunc.PyFuncModel
        Answers.
    recorder : Recorder, optional
        Takes features and answers; None where a server records already, or nothing can be recorded.
    name : str
        Of the model.
    """

    def __init__(self, inner: Any, recorder: Recorder | None, name: str = "") -> None:
        self.recorder = recorder
        self._inner = inner
        self._predict = self._answer if recorder is None else self._watched(recorder, name)

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return what the model answers, and record both.

        Parameters
        ----------
        data : any
            What the model takes.
        params : mapping, optional
            For the model; not recorded.
        """
        return self._predict(data, params)

    def _answer(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        return self._inner.predict(data, params=None if params is None else dict(params))

    def _watched(self, recorder: Recorder, name: str) -> Any:
        from mirante.capture.decorator import recorded_by

        return recorded_by(recorder, name, self._answer, inputs="data")
