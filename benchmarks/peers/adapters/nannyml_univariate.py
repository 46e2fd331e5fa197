"""NannyML's ``UnivariateDriftCalculator``: Jensen-Shannon for all columns by default, or KS and chi-squared.

Its own chunks and thresholds: ten chunks of a table, or one for each window; a column is flagged where any
chunk of the current table alarms, and the table where any column is.
"""

from __future__ import annotations

import nannyml
import pandas as pd

from adapters.flags import Check, Columns, Flags

DISTRIBUTION = "nannyml"
_METHODS = {
    "default": {},
    "ks": {"continuous_methods": ["kolmogorov_smirnov"], "categorical_methods": ["chi2"]},
}


def _calculator(columns: Columns, mode: str, **chunks: str) -> nannyml.UnivariateDriftCalculator:
    return nannyml.UnivariateDriftCalculator(
        column_names=list(columns.names),
        treat_as_categorical=list(columns.categorical),
        **_METHODS[mode],
        **chunks,
    )


def _alarms(
    calculator: nannyml.UnivariateDriftCalculator, frame: pd.DataFrame, columns: Columns
) -> pd.DataFrame:
    """Return a row for each chunk of the current table, with a boolean for each column."""
    answer = calculator.calculate(frame).filter(period="analysis").to_df(multilevel=True)
    return pd.DataFrame(
        {name: answer[name].xs("alert", axis=1, level=1).any(axis=1).to_numpy() for name in columns.names}
    )


def prepare(reference: pd.DataFrame, columns: Columns, mode: str) -> Check:
    """Return the check against a reference that the calculator was fitted to."""
    calculator = _calculator(columns, mode)
    calculator.fit(reference)

    def check(current: pd.DataFrame) -> Flags:
        alarms = _alarms(calculator, current, columns).any()
        return Flags(tuple(alarms[alarms].index), bool(alarms.any()))

    return check


def judge_windows(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Columns, mode: str
) -> tuple[dict[str, Flags], dict[str, int]]:
    """Return the flags of each window, all from one call: a chunk for each window, of the reference's too."""
    labels = [*dict.fromkeys(reference["window"]), *dict.fromkeys(current["window"])]
    days = pd.Series(pd.date_range("2000-01-01", periods=len(labels)), index=labels)  # chunks are cut by days
    stamped = [frame.assign(stamp=frame["window"].map(days)) for frame in (reference, current)]
    calculator = _calculator(columns, mode, timestamp_column_name="stamp", chunk_period="D")
    calculator.fit(stamped[0])
    alarms = _alarms(calculator, stamped[1], columns)
    windows = list(dict.fromkeys(current["window"]))
    if len(alarms) != len(windows):
        raise ValueError(f"NannyML made {len(alarms)} chunks of {len(windows)} windows; cut them by day")
    rows = zip(windows, alarms.to_dict("records"), strict=True)
    named = {window: tuple(name for name, alarm in row.items() if alarm) for window, row in rows}
    return {window: Flags(names, bool(names)) for window, names in named.items()}, {}
