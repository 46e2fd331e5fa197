"""Rows of a normal time that Spark knows."""

import pandas as pd
import pytest
from click.testing import CliRunner

from mirante.app.baseline.brought import spark_data
from mirante.cli import main
from mirante.errors import InputError
from mirante.monitors.baseline import fetch_baseline
from mirante.sources.tables.frames import read_frame
from mirante.tracking.client import connect
from tests.monitors.registry import register


def test_a_table_of_spark_has_kinds_and_gives_rows(spark, tmp_path):
    rows = pd.DataFrame({"age": [float(n) for n in range(300)], "plan": ["a", "b", None] * 100})
    rows.index += 5  # pandas writes such an index along
    rows.to_parquet(tmp_path / "rows.parquet")
    spark.read.parquet(str(tmp_path / "rows.parquet")).createOrReplaceTempView("normal_rows")
    for data in ("normal_rows", tmp_path / "rows.parquet"):
        found = spark_data(spark, data)
        assert dict(found.table.kinds) == {"age": "number", "plan": "text"}
        assert found.source == f"Spark, {data}"
        back = read_frame(found.table, ["plan", "age"])
        pd.testing.assert_frame_equal(
            back.sort_values("age", ignore_index=True), rows[["plan", "age"]].reset_index(drop=True)
        )
    with pytest.raises(InputError, match="Spark has no table 'nowhere'"):
        spark_data(spark, "nowhere")
    with pytest.raises(InputError, match=r"s4://lake/rows cannot be read: .*spark.read.parquet") as said:
        spark_data(spark, "s4://key:hunter2@lake/rows?endpoint_override=x")
    assert "hunter2" not in str(said.value)
    with pytest.raises(InputError, match="--engine spark needs --data"):
        spark_data(spark, None)


def test_the_options_of_spark_belong_together(tmp_path, tracking_off):
    run = CliRunner().invoke
    done = run(main, ["baseline", "create", "churn", "--master", "spark://host:7077"])
    assert done.exit_code == 2
    assert "--master spark://host:7077 is for --engine spark; give that too" in done.stderr
    done = run(main, ["baseline", "create", "churn", "--engine", "spark", "--master", "sc://host"])
    assert done.exit_code == 2
    assert "--master sc://host is an address of Spark Connect" in done.stderr


@pytest.mark.server
def test_the_command_fits_with_spark_what_it_fits_here(spark, tmp_path, mlflow_server, monkeypatch):
    monkeypatch.setattr("mirante.monitors.baseline.counted.FITTED_ROWS", 300)
    client = connect(mlflow_server)
    name, _ = register(client)
    at = pd.date_range("2026-01-01", periods=400, freq="17min", tz="UTC", unit="us")
    rows = pd.DataFrame({"age": [n % 70 + 0.5 for n in range(400)], "plan": ["a", "b"] * 200, "at": at})
    rows.assign(said=rows["age"] / 100, extra=1).to_parquet(tmp_path / "rows.parquet")
    options = ["baseline", "create", name, "--time", "at", "--window", "1d", "--tracking-uri", mlflow_server]
    data = ["--data", str(tmp_path / "rows.parquet"), "--prediction"]
    made = []
    for engine in ("local", "spark"):
        done = CliRunner().invoke(main, [*options, *data, "said", "--engine", engine])
        assert done.exit_code == 0, done.stderr
        made.append((done.stdout.splitlines()[0], fetch_baseline(client, name, "champion")[1]))
    assert made[0][0] == made[1][0]
    assert "400 rows, 3 features, 400 rows kept as a sample, models fitted to 300 of the rows" in made[0][0]
    local, found = (one for _, one in made)
    assert found.profile == local.profile
    about = dict(found.about)
    assert about.pop("data") == f"Spark, {tmp_path / 'rows.parquet'}"
    assert about == {key: value for key, value in local.about.items() if key != "data"}
    wrong = CliRunner().invoke(main, [*options, *data, "other", "--engine", "spark"])
    assert wrong.exit_code == 2
    assert "has no column 'other'" in wrong.stderr
