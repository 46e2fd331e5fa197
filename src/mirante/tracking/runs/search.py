"""All runs of experiments, read page by page into columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.errors import NotRegisteredError
from mirante.tracking.client import asking, brief_requests, server_name
from mirante.tracking.runs.columns import RunColumns, RunFolder

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["ExperimentRef", "find_experiment", "read_runs"]

_PAGE = 1_000
_MOST = 50_000  # MLflow's cap for one page
_ENDPOINT = "/api/2.0/mlflow/runs/search"
# the oldest first: a run that starts meanwhile comes last and moves no page
_ORDER = ("attributes.start_time ASC", "attributes.run_id ASC")

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ExperimentRef:
    """An experiment: its id and its name."""

    id: str
    name: str


def find_experiment(client: MlflowClient, wanted: str) -> ExperimentRef:
    """Return an experiment by its id, else by its name.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the server.
    wanted : str
        Id or name.

    Raises
    ------
    NotRegisteredError
        If there is none, or it is deleted.
    TrackingError
        If the server does not answer within seconds.
    """
    from mlflow.exceptions import MlflowException

    with asking(client, f"report on the experiment {wanted!r}"), brief_requests():
        found = None
        if wanted.isdecimal():
            try:
                found = client.get_experiment(wanted)
            except MlflowException as error:
                if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    raise
        if found is None:
            found = client.get_experiment_by_name(wanted)
    if found is None or found.lifecycle_stage != "active":
        raise NotRegisteredError(
            f"MLflow at {server_name(client.tracking_uri)} has no experiment with the id or name {wanted!r}; "
            "`mlflow experiments search` lists those that are there"
        )
    return ExperimentRef(str(found.experiment_id), str(found.name))


def read_runs(
    client: MlflowClient,
    experiment_ids: Sequence[str],
    *,
    filter_string: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress | None = None,
    page: int = _PAGE,
) -> RunColumns:
    """Read all runs of experiments that are not deleted.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the server; its login, token, certificates and retries are those of MLflow's own settings.
    experiment_ids : sequence of str
        Which.
    filter_string : str
        In MLflow's own language: ``"params.model = 'cnn' and metrics.loss < 0.2"``.
    since, until : datetime, optional
        Runs that started in this half-open interval.
    progress : callable, optional
        Told after each page how many runs there are so far.
    page : int, default 1000
        Runs in one request, at most 50,000. A page is what is held beside the columns.

    Returns
    -------
    RunColumns
        The oldest first; a run that comes on two pages, since others started meanwhile, is there once.

    Raises
    ------
    TrackingError
        If the server does not answer, or does not understand the filter.
    """
    folder = RunFolder()
    asked = _Search(client, experiment_ids, _joined(filter_string, *_interval(since, until)), page)
    with asking(client, "read the runs of experiments"):
        for runs in asked.pages():
            for run in runs:
                folder.add(run)
            if progress is not None:
                progress(len(folder))
    return folder.columns()


def _interval(since: datetime | None, until: datetime | None) -> Iterator[str]:
    if since is not None:
        yield f"attributes.start_time >= {_milliseconds(since)}"
    if until is not None:
        yield f"attributes.start_time < {_milliseconds(until)}"


def _joined(*conditions: str) -> str:
    return " and ".join(one.strip() for one in conditions if one.strip())


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


class _Search:
    """One search, page by page; the next page is asked for while the last one is folded."""

    def __init__(
        self, client: MlflowClient, experiments: Sequence[str], filter_string: str, page: int
    ) -> None:
        self._client = client
        self._experiments = list(experiments)
        self._filter = filter_string
        self._page = min(max(page, 1), _MOST)
        self._ask = self._over_http if _speaks_rest(client) else self._through_entities

    def pages(self) -> Iterator[Sequence[Mapping[str, Any]]]:
        with ThreadPoolExecutor(1, thread_name_prefix="mirante-runs") as pool:
            waiting = pool.submit(self._ask, None)
            while True:
                runs, token = waiting.result()
                if token:
                    waiting = pool.submit(self._ask, token)
                yield runs
                if not token:
                    return

    def _over_http(self, token: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Ask for a page of plain JSON: MLflow's own objects cost more than all the rest of a report.

        The request is MLflow's own, with its headers, login, certificates, time-outs and retries.
        """
        from mlflow.utils.rest_utils import http_request, verify_rest_response

        body: dict[str, Any] = {
            "experiment_ids": self._experiments,
            "filter": self._filter,
            "run_view_type": "ACTIVE_ONLY",
            "max_results": self._page,
            "order_by": list(_ORDER),
        }
        if token:
            body["page_token"] = token
        answer = http_request(
            self._client._tracking_client.store.get_host_creds(), _ENDPOINT, "POST", json=body
        )
        found = json.loads(verify_rest_response(answer, _ENDPOINT).content)
        return found.get("runs", ()), found.get("next_page_token") or None

    def _through_entities(self, token: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Ask a database, or another kind of server, through MLflow's client."""
        page = self._client.search_runs(
            self._experiments,
            self._filter,
            max_results=self._page,
            order_by=list(_ORDER),
            page_token=token,
        )
        return [_as_json(run) for run in page], page.token or None


def _speaks_rest(client: MlflowClient) -> bool:
    """Tell whether the client's server speaks MLflow's REST API over plain http: no Databricks, no plugin."""
    from mlflow.store.tracking.rest_store import RestStore

    store = getattr(getattr(client, "_tracking_client", None), "store", None)
    return type(store) is RestStore and client.tracking_uri.startswith(("http://", "https://"))


def _as_json(run: Any) -> Mapping[str, Any]:
    """Return MLflow's object as its REST API would say it."""
    info, data, outputs = run.info, run.data, run.outputs
    return {
        "info": {
            "run_id": info.run_id,
            "experiment_id": info.experiment_id,
            "run_name": info.run_name,
            "status": info.status,
            "user_id": info.user_id or "",
            "start_time": info.start_time,
            "end_time": info.end_time,
        },
        "data": {
            "metrics": [
                {"key": one.key, "value": one.value, "timestamp": one.timestamp, "step": one.step}
                for one in data._metric_objs
            ],
            "params": [{"key": key, "value": value} for key, value in data.params.items()],
            "tags": [{"key": key, "value": value} for key, value in data.tags.items()],
        },
        "inputs": {"dataset_inputs": run.inputs.dataset_inputs if run.inputs else ()},
        "outputs": {
            "model_outputs": [{"model_id": one.model_id} for one in outputs.model_outputs] if outputs else ()
        },
    }
