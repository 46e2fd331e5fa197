"""What the page about the result tables tells people to type works: pandas, Spark, SQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.profiles import TableProfile
from mirante.store import BaselineRow, Store
from mirante.views.tables.files import write_tables
from tests.docs.snippets import ROOT, blocks
from tests.views.tables.conftest import SUBJECT, window_row

PAGE = ROOT / "docs" / "tables.md"
DAY = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store and its tables, as a reader of the page has them."""
    rng = np.random.default_rng(1)
    baseline = TableProfile.of({"age": rng.normal(40, 10, 3_000)})
    monitor = DriftMonitor(baseline, window="1h")
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        store.baselines.put(BaselineRow(SUBJECT, "1", DAY, baseline.rows, baseline.to_bytes()))
        for hour in range(4):
            profile = TableProfile.of({"age": rng.normal(40 + 10 * (hour > 2), 10, 900)}, like=baseline)
            store.windows.put(window_row(DAY + hour * timedelta(hours=1), profile, monitor.update(profile)))
        write_tables(store, tmp_path / "tables")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(code: str, there: dict[str, Any]) -> None:
    exec(compile(code, "docs/tables.md", "exec"), there)


def test_pandas_and_notebooks(folder: Path):
    pandas, _, notebook = blocks(PAGE, "python")
    there: dict[str, Any] = {}
    run(pandas, there)
    assert there["moved"]["feature"].tolist() == [":table", "age"]
    assert len(there["seen"]) == 4
    run(notebook, there)
    there["view"].close()


def test_spark(folder: Path, spark: Any, capsys: pytest.CaptureFixture[str]):
    code = blocks(PAGE, "python")[1]
    run(code.replace('"tables/', f'"{folder}/tables/'), {"spark": spark})  # Java has a folder of its own
    assert "max(psi)" in capsys.readouterr().out
    drift = spark.read.parquet(f"{folder}/tables/drift_metrics")
    found = {
        (row.type, row.feature, row["count"]) for row in drift.groupBy("type", "feature").count().collect()
    }
    assert found == {("baseline", ":table", 4), ("baseline", "age", 4), ("consecutive", "age", 3)}
    profile = spark.read.parquet(f"{folder}/tables/profile_metrics")
    assert profile.where("feature = 'age' AND slice_key IS NULL").count() == 4


def test_the_query(folder: Path, spark: Any):
    """DuckDB is none of our tools; Spark knows all of the query but the pattern of files."""
    (query,) = blocks(PAGE, "sql")
    pattern = "'tables/drift_metrics/*.parquet'"
    assert pattern in query
    found = spark.sql(query.replace(pattern, f"parquet.`{folder}/tables/drift_metrics`").rstrip(";\n"))
    assert [(row.feature, row.windows) for row in found.collect()] == [("age", 1)]
