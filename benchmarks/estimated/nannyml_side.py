"""NannyML's estimates, run by its own interpreter: ``nannyml_side.py CASE RUNS ANSWER.json [FOLDER]``."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path

import pandas as pd

# with pandas 3's own strings NannyML's DLE raises NotImplementedError in `reshape`
pd.set_option("future.infer_string", False)

import nannyml  # noqa: E402 - after the option
from cases import CASES, Case  # noqa: E402 - beside this file

__all__ = ["main"]

_PROBLEMS = {"probability": "classification_binary", "probabilities": "classification_multiclass"}


def data_folder() -> Path:
    """Return where NannyML keeps its data sets."""
    return Path(nannyml.__file__).parent / "datasets" / "data"


def _estimator(case: Case) -> object:
    common = {"y_true": case.label, "timestamp_column_name": "timestamp", **case.chunks}
    if case.task == "regression":
        return nannyml.DLE(
            feature_column_names=list(case.features),
            y_pred=case.score,
            metrics=list(case.measures),
            **common,
        )
    return nannyml.CBPE(
        y_pred=case.said,
        y_pred_proba=case.score,
        problem_type=_PROBLEMS[case.task],
        metrics=list(case.measures),
        **common,
    )


def main(name: str, runs: str, answer: str, folder: str = "") -> None:
    """Write the estimates of one case, chunk by chunk, and the CPU seconds of each run."""
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core: no thread waits for another
    case, data = CASES[name], Path(folder) if folder else data_folder()
    reference, analysis = (pd.read_csv(data / f"{file}.csv") for file in case.files[:2])
    seconds = []
    for _ in range(int(runs)):
        began = time.process_time()
        estimator = _estimator(case)
        estimator.fit(reference)
        result = estimator.estimate(analysis)
        seconds.append(time.process_time() - began)
    table = result.filter(period="analysis").to_df()
    found = {
        measure: {
            part: table[measure][column].astype(float).tolist()
            for part, column in (
                ("value", "value"),
                ("lower", "lower_confidence_boundary"),
                ("upper", "upper_confidence_boundary"),
                ("beyond", "alert"),
            )
        }
        for measure in case.measures
    }
    told = {"seconds": seconds, "version": nannyml.__version__, "data": str(data), "found": found}
    Path(answer).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
