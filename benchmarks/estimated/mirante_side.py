"""Mirante's estimates of the same chunks, and what came true; called as NannyML's side, and with its data."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cases import CASES, Case  # beside this file

from mirante.performance.estimated import PerformanceEstimator
from mirante.performance.estimated.inputs import class_codes
from mirante.performance.realised import regression
from mirante.stats.expected import measure_binary, measure_multiclass

__all__ = ["chunks_of", "expected", "main", "realised"]

_DRAWS = 100


def chunks_of(case: Case, table: pd.DataFrame) -> list[np.ndarray]:
    """Return the places of each chunk's rows, cut as NannyML cuts them."""
    if "chunk_size" in case.chunks:
        size = case.chunks["chunk_size"]
        return [np.arange(begin, begin + size) for begin in range(0, len(table), size)]
    months = table["timestamp"].str[:7].to_numpy()
    return [np.flatnonzero(months == month) for month in dict.fromkeys(months)]


def _given(case: Case, table: pd.DataFrame) -> dict[str, Any]:
    if case.task == "regression":
        return {"predictions": table[case.score].to_numpy(), "features": table[list(case.features)]}
    columns = list(case.score.values()) if isinstance(case.score, dict) else case.score
    return {"predictions": table[columns].to_numpy(), "predicted": table[case.said].to_numpy()}


def _once(
    case: Case, reference: pd.DataFrame, analysis: pd.DataFrame, parts: list[np.ndarray]
) -> list[dict[str, Any]]:
    """Fit on the reference and estimate each chunk; three false alarms in a thousand chunks, as 3 sigma."""
    classes = list(case.score) if isinstance(case.score, dict) else None
    estimator = PerformanceEstimator.fit(
        reference[case.label].to_numpy(),
        **_given(case, reference),
        task=case.task,
        classes=classes,
        windows=chunks_of(case, reference),
    )
    return [
        estimator.estimate(**_given(case, analysis.iloc[part[0] : part[-1] + 1]), level=0.003)
        for part in parts
    ]


def realised(case: Case, table: pd.DataFrame) -> dict[str, float]:
    """Return what came true of labelled rows."""
    if case.task == "regression":
        labels, said = table[case.label].to_numpy(), table[case.score].to_numpy()
        return {**regression(labels, said), "mape": float(np.mean(np.abs(labels - said) / np.abs(labels)))}
    given = _given(case, table)
    if case.task == "probability":
        found = measure_binary(
            table[case.label].to_numpy(float), given["predictions"], given["predicted"].astype(float)
        )
    else:
        classes = list(case.score)
        truth = np.eye(len(classes))[class_codes(table[case.label], classes)]
        found = measure_multiclass(truth, given["predictions"], class_codes(given["predicted"], classes))
    return {name: one.value for name, one in found.items()}


def expected(case: Case, table: pd.DataFrame) -> dict[str, float]:
    """Return what comes true on average, over labels drawn from their chances."""
    rng = np.random.default_rng(0)
    drawn = [
        realised(case, table.assign(**{case.label: rng.random(len(table)) < table[case.chance]}))
        for _ in range(_DRAWS)
    ]
    return {name: float(np.mean([one[name] for one in drawn])) for name in drawn[0]}


def main(name: str, runs: str, answer: str, data: str) -> None:
    """Write the estimates of one case, chunk by chunk, what came true, and the CPU seconds of each run."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core: no thread waits for another
    case = CASES[name]
    reference, analysis, target = (pd.read_csv(Path(data, f"{file}.csv")) for file in case.files)
    labelled = analysis.merge(target, on="id", how="left")
    parts = chunks_of(case, analysis)
    seconds = []
    for _ in range(int(runs)):
        began = time.process_time()
        estimates = _once(case, reference, analysis, parts)
        seconds.append(time.process_time() - began)
    found = {
        measure: {
            part: [float(getattr(one[measure], part)) for one in estimates]
            for part in ("value", "lower", "upper", "beyond")
        }
        for measure in case.measures
    }
    come_true = realised if case.chance is None else expected
    truth = [come_true(case, labelled.iloc[part]) for part in parts]
    told = {
        "seconds": seconds,
        "found": found,
        "truth": {measure: [one[measure] for one in truth] for measure in case.measures},
    }
    Path(answer).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
