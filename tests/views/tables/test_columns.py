from __future__ import annotations

import json
import re

import pytest

from mirante.readings import READINGS
from mirante.views.tables.columns import TABLES, schema_of

# what DuckDB, PostgreSQL or Spark do not take as the name of a column without quotes
RESERVED = {"start", "end", "column", "table", "from", "order", "group", "user", "window", "all", "time"}


@pytest.mark.parametrize("table", TABLES)
def test_names_can_be_written_without_quotes(table):
    names = [one.name for one in TABLES[table]]
    assert len(set(names)) == len(names)
    assert not RESERVED & set(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_says_what_it_is(table):
    schema = schema_of(table)
    said = json.loads(schema.metadata[b"mirante.columns"])
    assert list(said) == schema.names
    assert all(one["description"] for one in said.values())
    assert [one.name for one in TABLES[table] if one.type in ("whole", "number") and not one.unit] == []


def test_a_quantity_has_the_name_of_its_reading():
    drift = {one.name for one in TABLES["drift_metrics"]}
    scores = {name.removeprefix("drift_") for name in READINGS if name.startswith("drift_")}
    assert scores - {"detected", "share"} <= drift
    profile = {one.name for one in TABLES["profile_metrics"]}
    whole = {name for name in READINGS if name.startswith(("performance_", "estimated_"))}
    assert whole | {"predictions", "outlier_ratio", "missing_ratio"} <= profile
