"""The options by which a command has rows counted by Spark."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante import check
from mirante.cli import main
from mirante.cli.spark import spark_of
from mirante.errors import InputError
from mirante.sources.spark.session import SparkEngine


def test_without_spark_there_is_no_session():
    with spark_of("local", None) as session:
        assert session is None
    with pytest.raises(InputError, match="--master local is for --engine spark"), spark_of("local", "local"):
        pass


def test_what_is_not_there_is_refused_before_spark_starts(monkeypatch):
    monkeypatch.setattr(SparkEngine, "session", property(lambda engine: pytest.fail("it started")))
    paths = ["--reference", "churn@champion", "--current", ".", "--engine", "spark"]
    done = CliRunner().invoke(main, ["check", *paths])
    assert (done.exit_code, "churn@champion is not there" in done.output) == (2, True)
    done = CliRunner().invoke(main, ["baseline", "create", "churn", "--engine", "spark"])
    assert (done.exit_code, "--engine spark needs --data" in done.output) == (2, True)


def test_a_check_on_spark_is_the_check_here(spark, tmp_path):
    rng = np.random.default_rng(1)
    for name, mean in (("before", 40.0), ("after", 44.0)):
        rows = pd.DataFrame({"age": rng.normal(mean, 9, 900), "plan": rng.choice(["a", "b"], 900)})
        (tmp_path / name).mkdir()
        rows.to_parquet(tmp_path / name / "rows.parquet")
        spark.read.parquet(str(tmp_path / name)).createOrReplaceTempView(f"table_{name}")
    paths = ["--reference", str(tmp_path / "before"), "--current", str(tmp_path / "after"), "--json"]
    here = CliRunner().invoke(main, ["check", *paths])
    there = CliRunner().invoke(main, ["check", *paths, "--engine", "spark"])
    assert (here.exit_code, there.exit_code) == (1, 1)
    assert json.loads(there.stdout) == json.loads(here.stdout)
    named = check("table_before", "table_after", spark=spark)
    frames = check(spark.table("table_before"), spark.table("table_after"))
    assert named.columns == frames.columns
    assert [one["column"] for one in json.loads(here.stdout)["columns"]] == ["age", "plan"]
    assert frames.drifted_columns == ("age",)
    # what Arrow has no type for is said, like lists
    odd = spark.sql("SELECT age, make_ym_interval(1, 2) AS span, array(age) AS ages FROM table_before")
    found = check(odd, spark.table("table_after"))
    assert {(one.column, one.what) for one in found.findings} >= {("span", "gone"), ("ages", "gone")}
