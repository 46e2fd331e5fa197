"""Evidently's ``Report`` with ``DataDriftPreset``: its defaults, or KS and chi-squared.

A column is flagged by its own threshold; the table where half of the columns are, the tool's default.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

from adapters.flags import Check, Columns, Flags

DISTRIBUTION = "evidently"
_PRESETS = {"default": {}, "ks": {"num_method": "ks", "cat_method": "chisquare"}}
_DRIFT_SHARE = 0.5
_VERIFIED = 5  # windows that the whole Report judges as well: it takes more than a second for each


def prepare(reference: pd.DataFrame, columns: Columns, mode: str) -> Check:
    """Return the check against a reference that is wrapped as Evidently's data set."""
    shape = DataDefinition(
        numerical_columns=list(columns.numeric), categorical_columns=list(columns.categorical)
    )
    report = Report([DataDriftPreset(**_PRESETS[mode])])
    base = Dataset.from_pandas(reference[list(columns.names)], data_definition=shape)

    def check(current: pd.DataFrame) -> Flags:
        frame = Dataset.from_pandas(current[list(columns.names)], data_definition=shape)
        return _read(report.run(frame, base).dict()["metrics"])

    return check


def _read(metrics: list[dict[str, Any]]) -> Flags:
    flagged, dataset, counted = [], False, None
    for metric in metrics:
        config, value = metric["config"], metric["value"]
        if "column" in config and "threshold" in config:
            method, limit = config["method"], config["threshold"]
            is_p_value = "p_value" in method or method in ("ks", "chisquare", "z")
            if (float(value) < limit) if is_p_value else (float(value) >= limit):
                flagged.append(config["column"])
        elif "drift_share" in config:
            dataset, counted = value["share"] >= config["drift_share"], value["count"]
    if counted != len(flagged):
        raise ValueError(f"Evidently counts {counted} drifted columns, its metrics name {flagged}")
    return Flags(tuple(flagged), bool(dataset))


def judge_windows(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Columns, mode: str
) -> tuple[dict[str, Flags], dict[str, int]]:
    """Return the flags of each window by the tool's own test functions, without the Report around them.

    The second answer says on how many windows the whole Report was run too, and on how many it agreed.
    """
    whole, found, agreed, tried = prepare(reference, columns, mode), {}, 0, 0
    names = _PRESETS[mode]
    kinds = [(name, ColumnType.Numerical, names.get("num_method")) for name in columns.numeric]
    kinds += [(name, ColumnType.Categorical, names.get("cat_method")) for name in columns.categorical]
    for window, frame in current.groupby("window", sort=False):
        flagged = []
        for name, kind, method in kinds:
            base, now = reference[name].dropna(), frame[name].dropna()
            test = get_stattest(base, now, kind, method)
            if test(base, now, kind, None).drifted:
                flagged.append(name)
        found[window] = Flags(tuple(flagged), len(flagged) / len(kinds) >= _DRIFT_SHARE)
        if tried < _VERIFIED:
            tried += 1
            answer = whole(frame)
            same = set(answer.columns) == set(flagged) and answer.dataset == found[window].dataset
            agreed += same
    return found, {"reports_run": tried, "reports_agreed": agreed}
