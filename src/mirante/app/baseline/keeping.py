"""The baselines that are kept: found by a model's name or in a folder, described, and saved as files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mirante.errors import InputError
from mirante.monitors.baseline import ModelBaseline
from mirante.profiles import CategoricalProfile, NumericProfile, TableProfile
from mirante.tracking import baselines
from mirante.tracking.client import asking, brief_requests, connect
from mirante.tracking.models import ModelName, aliases_of, every_page, find_model

__all__ = [
    "KeptBaseline",
    "ListedBaseline",
    "describe",
    "in_folder",
    "kept_baseline",
    "list_baselines",
    "save_files",
]

_HEAD = "baseline.json"
_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
_TOP = 5
_WINDOW_ROWS = 500
_TAGGED = f"tags.`{baselines.TAG}` != ''"


@dataclass(frozen=True, slots=True)
class KeptBaseline:
    """A baseline and where it is.

    Parameters
    ----------
    name : str
        ``models:/NAME/3``, or a folder.
    baseline : ModelBaseline
        Itself.
    files : mapping of str to bytes
        What it was read from.
    aliases : tuple of str
        Of the model version.
    created : str
        ISO 8601; empty where nobody wrote it down.
    place : str
        Folder among the model's artifacts, or on this machine.
    """

    name: str
    baseline: ModelBaseline
    files: Mapping[str, bytes]
    aliases: tuple[str, ...] = ()
    created: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class ListedBaseline:
    """A model version in a list: one with a baseline, or one with an alias and none.

    Parameters
    ----------
    model, version : str
        Which.
    aliases : tuple of str
        That point to it.
    place : str
        Folder among the model's artifacts; empty where there is none.
    created : str
        ISO 8601; empty where it is not known without reading the baseline.
    rows : int, optional
        Likewise.
    data : str
        What it was made from; likewise.
    """

    model: str
    version: str
    aliases: tuple[str, ...] = ()
    place: str = ""
    created: str = ""
    rows: int | None = None
    data: str = ""


def in_folder(text: str) -> bool:
    """Return whether a text names a folder with a baseline, for which no server is asked.

    Parameters
    ----------
    text : str
        As `kept_baseline` takes it.

    Examples
    --------
    >>> in_folder("churn@champion")
    False
    """
    return not text.startswith("models:/") and (Path(text) / _HEAD).is_file()


def kept_baseline(text: str, *, alias: str | None = None, tracking_uri: str | None = None) -> KeptBaseline:
    """Return the baseline of a model version, or one that was saved in a folder.

    Parameters
    ----------
    text : str
        A model, as `mirante.tracking.models.ModelName` reads it; or a folder that ``show --save`` wrote.
    alias : str, optional
        Of the model's version, where `text` does not say.
    tracking_uri : str, optional
        MLflow server.

    Returns
    -------
    KeptBaseline

    Raises
    ------
    InputError
        If there is no such model, version or alias, it has no baseline, or the folder's files are damaged.
    TrackingError
        If MLflow does not answer.
    """
    if in_folder(text):
        folder = Path(text)
        files = {one.name: one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file()}
        return KeptBaseline(text, ModelBaseline.from_files(files), files, place=str(folder))
    wanted = ModelName.parse(text, alias)
    client = connect(tracking_uri)
    found = find_model(client, wanted)
    version = str(found.version)
    place = (found.tags or {}).get(baselines.TAG)
    if not place:
        raise InputError(
            f"version {version} of {found.name!r} has no baseline; write one: "
            f"mirante baseline create {ModelName(found.name, None, version)}"
        )
    files = baselines.load(client, found.name, version)
    with asking(client, f"look up the aliases of {found.name!r}"):
        aliases = aliases_of(client.get_registered_model(found.name))
    return KeptBaseline(
        str(ModelName(found.name, None, version)),
        ModelBaseline.from_files(files),
        files,
        tuple(sorted(one for one, of in aliases.items() if of == version)),
        str(baselines.summary_of(found).get("at", "")),
        str(place),
    )


def list_baselines(model: str | None = None, *, tracking_uri: str | None = None) -> list[ListedBaseline]:
    """Return all model versions with a baseline, and those with an alias that have none.

    Two searches, page by page, whatever the number of models; no baseline is read.

    Parameters
    ----------
    model : str, optional
        Only this one.
    tracking_uri : str, optional
        MLflow server.

    Returns
    -------
    list of ListedBaseline
        By model, the newest version first.

    Raises
    ------
    InputError
        If there is no such model.
    TrackingError
        If MLflow does not answer.
    """
    client = connect(tracking_uri)
    with brief_requests(), asking(client, "list the baselines"):
        models = {one.name: aliases_of(one) for one in every_page(client.search_registered_models)}
        versions = every_page(client.search_model_versions, filter_string=_TAGGED)
    if model is not None and model not in models:
        model = ModelName.parse(model).name
    if model is not None and model not in models:
        find_model(client, ModelName(model))  # says what is near
    found = {}
    for one in versions:
        said = baselines.summary_of(one)
        rows = said.get("rows")
        found[one.name, str(one.version)] = ListedBaseline(
            one.name,
            str(one.version),
            place=str(one.tags[baselines.TAG]),
            created=str(said.get("at", "")),
            rows=rows if isinstance(rows, int) else None,
            data=str(said.get("data", "")),
        )
    for name, aliases in models.items():
        for version in aliases.values():
            found.setdefault((name, version), ListedBaseline(name, version))
    listed = [_with_aliases(one, models.get(one.model, {})) for one in found.values()]
    wanted = [one for one in listed if model is None or one.model == model]
    return sorted(wanted, key=lambda one: (one.model, -int(one.version)))


def _with_aliases(one: ListedBaseline, aliases: Mapping[str, str]) -> ListedBaseline:
    return replace(one, aliases=tuple(sorted(name for name, of in aliases.items() if of == one.version)))


def save_files(kept: KeptBaseline, folder: Path) -> Path:
    """Write a baseline's files into a folder, for `kept_baseline` and for other servers.

    Parameters
    ----------
    kept : KeptBaseline
        From `kept_baseline`.
    folder : Path
        Is made; must hold nothing but files of the same names, which are replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If something else is there, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if others := sorted(one.name for one in folder.iterdir() if one.name not in kept.files):
            raise InputError(f"{folder} holds {others[0]!r} already; give a new or empty folder")
        for name, content in kept.files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}; give another folder") from error
    return folder


def describe(kept: KeptBaseline, rows: int | None = None) -> dict[str, Any]:
    """Return what a baseline holds, as plain data.

    Parameters
    ----------
    kept : KeptBaseline
        From `kept_baseline`.
    rows : int, optional
        Rows of a window, for the smallest effect that it can show: by default as many as the baseline's own
        windows have on average, else 500. Needs as many rows in the baseline's sample.

    Returns
    -------
    dict
        ``model, aliases, created, place, source, data, rows, windows, window, timezone, alarm_budget, task,
        performance, estimated, slices, columns``; a number that is not known is None.
    """
    baseline = kept.baseline
    about = baseline.about
    windows = int(about.get("windows", 0) or 0)
    wanted = rows or (max(baseline.profile.rows // windows, 1) if windows else _WINDOW_ROWS)
    effects = _effects(baseline, wanted)
    estimator = baseline.estimator
    return {
        "model": kept.name,
        "aliases": list(kept.aliases),
        "created": kept.created,
        "place": kept.place,
        **{key: about[key] for key in about if key not in ("rows", "windows")},
        "rows": baseline.profile.rows,
        "windows": windows,
        "task": baseline.task,
        "performance": {name: _known(value) for name, value in baseline.performance.items()},
        "estimated": [] if estimator is None else list(estimator.measures),
        "sample_rows": 0 if baseline.sample is None else baseline.sample.num_rows,
        "effect_rows": wanted if effects else None,
        "slices": []
        if baseline.slices is None
        else [{"slice": one.slice.label, "rows": one.profile.rows} for one in baseline.slices.slices],
        "columns": [
            {**_column(one), "smallest_effect": _known(effects.get(name, float("nan")))}
            for name, one in baseline.profile.columns.items()
        ],
    }


def _effects(baseline: ModelBaseline, rows: int) -> dict[str, float]:
    """Return the smallest change that a window could show, by asking the monitor about rows of the sample."""
    if baseline.sample is None or baseline.sample.num_rows < rows:
        return {}
    window = TableProfile.of(baseline.sample.slice(0, rows), like=baseline.profile)
    verdict = baseline.drift.fresh().update(window)
    # beyond 1 no shift of the column could be seen in so few rows
    return {name: one.smallest_effect for name, one in verdict.columns.items() if one.smallest_effect <= 1.0}


def _column(one: NumericProfile | CategoricalProfile) -> dict[str, Any]:
    total = one.n + one.missing
    found: dict[str, Any] = {
        "column": one.name,
        "kind": "numeric" if isinstance(one, NumericProfile) else "categorical",
        "missing": _known(one.missing / total if total else float("nan")),
    }
    if isinstance(one, NumericProfile):
        spread = {"mean": one.mean, "std": one.std, "min": one.minimum, "max": one.maximum}
        spread |= {name: one.quantile(q) for name, q in _QUANTILES.items()}
        return found | {name: _known(value) for name, value in spread.items()}
    top = [
        [level, int(n) / max(one.n, 1)] for level, n in zip(one.levels[:_TOP], one.counts[:_TOP], strict=True)
    ]
    return found | {"levels": len(one.levels), "other": one.other / max(one.n, 1), "top": top}


def _known(value: float) -> float | None:
    """Return a number that JSON has; None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None
