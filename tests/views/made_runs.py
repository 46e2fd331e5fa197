"""Runs made by hand, as the columns that a report is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mirante.tracking.runs.columns import RunColumns, RunFolder
from mirante.tracking.runs.search import ExperimentRef
from mirante.views.report import ExperimentReport, RunRow, report_of

NOW = datetime(2013, 3, 1, tzinfo=UTC)


def as_json(run_id: str, **given: Any) -> dict[str, Any]:
    """Return a run as MLflow's REST API says it; times are datetimes."""
    started, ended = given.get("started"), given.get("ended")
    logged = given.get("logged", started)
    return {
        "info": {
            "run_id": run_id,
            "run_name": given.get("name", run_id),
            "experiment_id": "1",
            "status": given.get("status", "FINISHED"),
            "start_time": started and round(started.timestamp() * 1000),
            "end_time": ended and round(ended.timestamp() * 1000),
        },
        "data": {
            "metrics": [
                {
                    "key": key,
                    "value": value,
                    "timestamp": logged and round(logged.timestamp() * 1000),
                    "step": 1,
                }
                for key, value in given.get("metrics", {}).items()
            ],
            "params": [{"key": key, "value": value} for key, value in given.get("params", {}).items()],
            "tags": [{"key": key, "value": value} for key, value in given.get("tags", {}).items()],
        },
        "inputs": {"dataset_inputs": [{}] * given.get("datasets", 0)},
        "outputs": {"model_outputs": [{"model_id": one} for one in given.get("models", ())]},
    }


def columns_of(runs: Iterable[Mapping[str, Any]]) -> RunColumns:
    """Return columns of runs that are JSON."""
    folder = RunFolder()
    for run in runs:
        folder.add(run)
    return folder.columns()


def summed_up(
    rows: Iterable[RunRow], name: str = "e", experiment: str = "1", **options: Any
) -> ExperimentReport:
    """Return the report of rows."""
    columns = columns_of(
        as_json(
            row.run_id,
            name=row.name,
            status=row.status,
            started=row.started,
            ended=row.ended,
            metrics=row.metrics,
            params=row.params,
        )
        for row in rows
    )
    return report_of(ExperimentRef(experiment, name), columns, now=NOW, **options)
