"""Addresses of what MLflow shows, for links in notices and on pages."""

from __future__ import annotations

from urllib.parse import quote

__all__ = ["experiment_link", "run_link", "version_link"]


def version_link(mlflow: str, model: str, version: str) -> str:
    """Return the address of a model version in MLflow's pages.

    Parameters
    ----------
    mlflow : str
        Where MLflow's pages are; ``/`` for a page beside them.
    model, version : str
        The registered model and its version; any name.

    Examples
    --------
    >>> version_link("http://127.0.0.1:5000", "churn", "3"), version_link("/", "a/b", "3")
    ('http://127.0.0.1:5000/#/models/churn/versions/3', '/#/models/a%2Fb/versions/3')
    """
    return f"{mlflow.rstrip('/')}/#/models/{_part(model)}/versions/{_part(version)}"


def experiment_link(mlflow: str, experiment: str) -> str:
    """Return the address of an experiment in MLflow's pages.

    Parameters
    ----------
    mlflow : str
        Where MLflow's pages are; ``/`` for a page beside them.
    experiment : str
        Its id.

    Examples
    --------
    >>> experiment_link("http://127.0.0.1:5000/", "7")
    'http://127.0.0.1:5000/#/experiments/7'
    """
    return f"{mlflow.rstrip('/')}/#/experiments/{_part(experiment)}"


def run_link(mlflow: str, experiment: str, run: str) -> str:
    """Return the address of a run in MLflow's pages.

    Parameters
    ----------
    mlflow : str
        Where MLflow's pages are; ``/`` for a page beside them.
    experiment, run : str
        Their ids.

    Examples
    --------
    >>> run_link("http://127.0.0.1:5000/", "7", "0a1b")
    'http://127.0.0.1:5000/#/experiments/7/runs/0a1b'
    """
    return f"{mlflow.rstrip('/')}/#/experiments/{_part(experiment)}/runs/{_part(run)}"


def _part(name: str) -> str:
    return quote(name.encode("utf-8", "replace"), safe="")
