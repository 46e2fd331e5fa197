"""The columns of the two result tables: name, type, unit and meaning, in one place for all who show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import pyarrow as pa

from mirante.readings import READINGS

__all__ = ["QUANTILES", "TABLES", "TableColumn", "TableName", "schema_of"]

TableName = Literal["profile_metrics", "drift_metrics"]

QUANTILES: Mapping[str, float] = MappingProxyType(
    {
        "p01": 0.01,
        "p05": 0.05,
        "p10": 0.1,
        "p25": 0.25,
        "p50": 0.5,
        "p75": 0.75,
        "p90": 0.9,
        "p95": 0.95,
        "p99": 0.99,
    }
)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a result table.

    Parameters
    ----------
    name : str
        A word that SQL has not taken.
    type : {"text", "time", "whole", "number", "truth", "levels"}
        ``time`` is UTC in microseconds, ``levels`` a list of ``{value, n}``.
    unit : str
        Unit or range.
    help : str
        What it is, and when it is null.
    """

    name: str
    type: Literal["text", "time", "whole", "number", "truth", "levels"]
    unit: str
    help: str


_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "text": pa.string(),
        "time": pa.timestamp("us", "UTC"),
        "whole": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "levels": pa.list_(pa.struct([pa.field("value", pa.string()), pa.field("n", pa.int64())])),
    }
)


def _reading(name: str, about: str) -> TableColumn:
    kind = READINGS[name]
    return TableColumn(name, "number", kind.unit, f"{kind.help}{about}")


_WHOLE = " (rows of the kind `table`)"
_KEY = (
    TableColumn("subject", "text", "", "what is monitored, such as `model/churn@champion`"),
    TableColumn("version", "text", "", "version of the model"),
    TableColumn("window_start", "time", "UTC", "where the window begins"),
    TableColumn("window_end", "time", "UTC", "where it ends; itself not in the window"),
    TableColumn("slice_key", "text", "", "what the rows were parted by; null: all rows of the window"),
    TableColumn("slice_value", "text", "", "which part of them; null: all rows of the window"),
    TableColumn("feature", "text", "", "column of the model's data, `prediction` among them, or `:table`"),
    TableColumn("kind", "text", "", "`numeric`, `categorical`, or `table`: the window as a whole"),
)
_LATENCIES = tuple(f"prediction_latency_seconds_{name}" for name in ("mean", "p50", "p95", "p99"))
_MEASURES = tuple(name for name in READINGS if name.startswith(("performance_", "estimated_")))

_PROFILE = (
    *_KEY,
    TableColumn("rows", "whole", "rows", "rows of the window"),
    TableColumn("n", "whole", "values", "values that are not missing"),
    TableColumn("missing", "whole", "values", "values that are missing: null, NaN, or unreadable"),
    TableColumn("missing_ratio", "number", "share", "`missing` as a share of `rows`; null without rows"),
    TableColumn("unreadable", "whole", "values", "texts in a numeric column that are no number"),
    TableColumn("infinite", "whole", "values", "values of `n` that are infinite (numeric)"),
    TableColumn("zeros", "whole", "values", "values that are 0; null where the counts do not say (numeric)"),
    TableColumn(
        "distinct",
        "whole",
        "values",
        "different values; null where the counts do not say: numbers between the baseline's edges, "
        "categories that the baseline does not know",
    ),
    TableColumn(
        "other", "whole", "values", "values of categories that the baseline does not know (categorical)"
    ),
    TableColumn("mean", "number", "the column's", "mean of the finite values (numeric)"),
    TableColumn("std", "number", "the column's, 0 up", "population standard deviation of the finite values"),
    TableColumn("skew", "number", "any", "skewness of the finite values; null when all are the same"),
    TableColumn("kurtosis", "number", "-2 up", "excess kurtosis of the same; null when all are the same"),
    TableColumn("minimum", "number", "the column's", "smallest value; may be infinite (numeric)"),
    TableColumn("maximum", "number", "the column's", "largest value; may be infinite (numeric)"),
    *(
        TableColumn(
            name,
            "number",
            "the column's",
            f"smallest value with at least {q:.0%} of the values at or below it (numeric)",
        )
        for name, q in QUANTILES.items()
    ),
    TableColumn(
        "frequent", "levels", "", "the ten most frequent known categories, `{value, n}` each (categorical)"
    ),
    TableColumn("predictions", "whole", "rows", f"{READINGS['predictions'].help}{_WHOLE}"),
    TableColumn("outliers", "whole", "rows", f"rows over the outlier threshold of the baseline{_WHOLE}"),
    _reading("outlier_ratio", _WHOLE),
    *(_reading(name, _WHOLE) for name in (*_LATENCIES, *_MEASURES)),
)

_VERDICT = " (`baseline`)"
_DRIFT = (
    *_KEY,
    TableColumn("type", "text", "", "`baseline` or `consecutive`: what the window is compared with"),
    TableColumn("compared_start", "time", "UTC", "where the window before begins (`consecutive`)"),
    TableColumn("compared_end", "time", "UTC", "where the window before ends (`consecutive`)"),
    TableColumn(
        "n_window", "whole", "values", "values of the window; of all `scale` windows where there are more"
    ),
    TableColumn("n_compared", "whole", "values", "values that they are compared with"),
    TableColumn("n_delta", "whole", "values", "values of this window less those compared with"),
    TableColumn("mean_delta", "number", "the column's", "mean less the mean compared with (numeric)"),
    TableColumn("std_delta", "number", "the column's", "the same of the standard deviation (numeric)"),
    TableColumn("p50_delta", "number", "the column's", "the same of the median (numeric)"),
    TableColumn("missing_ratio", "number", "share", "share of missing values in this window"),
    TableColumn("missing_ratio_delta", "number", "-1 to 1", "less the share compared with"),
    TableColumn("ks", "number", "0 to 1", "Kolmogorov-Smirnov distance (numeric)"),
    TableColumn(
        "wasserstein", "number", "0 up", "Wasserstein distance in baseline standard deviations (numeric)"
    ),
    TableColumn("psi", "number", "0 up", "population stability index"),
    TableColumn("jensenshannon", "number", "0 to 1", "Jensen-Shannon distance, base 2"),
    TableColumn("hellinger", "number", "0 to 1", "Hellinger distance"),
    TableColumn("total_variation", "number", "0 to 1", "total variation distance"),
    TableColumn("chi2", "number", "0 up", "two-sample chi-squared statistic (categorical)"),
    TableColumn("l_infinity", "number", "0 to 1", "largest change of a category's share (categorical)"),
    TableColumn("effect", "number", "0 to 1", "size of the shift: `ks`, or total variation (categorical)"),
    TableColumn("drifted", "truth", "", f"the verdict; of the kind `table`: of any column{_VERDICT}"),
    TableColumn("drift_share", "number", "share", f"share of the columns that drifted{_WHOLE}"),
    TableColumn("p_value", "number", "0 to 1", f"p-value of the tests behind the verdict{_VERDICT}"),
    TableColumn("level", "number", "0 to 1", f"what `p_value` is held against{_VERDICT}"),
    TableColumn("scale", "whole", "windows", f"last windows that were looked at together{_VERDICT}"),
    TableColumn("score", "text", "", f"the statistic that speaks, such as `ks`{_VERDICT}"),
    TableColumn("value", "number", "the score's", f"that statistic{_VERDICT}"),
    TableColumn("threshold", "number", "the score's", f"the value from which it alarms{_VERDICT}"),
    TableColumn(
        "smallest_effect", "number", "0 up", f"a shift of this size would surely have been seen{_VERDICT}"
    ),
    TableColumn("missing_threshold", "number", "share", f"missing share from which it alarms{_VERDICT}"),
    TableColumn("missing_detected", "truth", "", f"the verdict on missing values{_VERDICT}"),
    TableColumn(
        "new_category_ratio", "number", "share", f"values whose category the baseline never had{_VERDICT}"
    ),
    TableColumn("direction", "text", "", f"where it moved, such as `median 2 -> 31`{_VERDICT}"),
    TableColumn("sentence", "text", "", f"the verdict for people, in the service's language{_VERDICT}"),
    TableColumn("missing_sentence", "text", "", f"the same on missing values{_VERDICT}"),
)

TABLES: Mapping[TableName, tuple[TableColumn, ...]] = MappingProxyType(
    {"profile_metrics": _PROFILE, "drift_metrics": _DRIFT}
)


@cache
def schema_of(table: TableName) -> pa.Schema:
    """Return the Arrow schema of a table, with unit and meaning of each column in its metadata.

    Parameters
    ----------
    table : {"profile_metrics", "drift_metrics"}
        Which.

    Returns
    -------
    pyarrow.Schema
        The metadata of each field has ``unit`` and ``description``; those of the schema have all of them as
        JSON under ``mirante.columns``, for readers that see no metadata of fields.

    Examples
    --------
    >>> schema_of("drift_metrics").field("psi").metadata[b"description"]
    b'population stability index'
    """
    columns = TABLES[table]
    fields = [
        pa.field(one.name, _TYPES[one.type], metadata={"unit": one.unit, "description": one.help})
        for one in columns
    ]
    said = {one.name: {"unit": one.unit, "description": one.help} for one in columns}
    return pa.schema(fields, metadata={"mirante.table": table, "mirante.columns": json.dumps(said)})
