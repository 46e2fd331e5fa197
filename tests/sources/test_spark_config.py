"""The part of the config that says where Spark is."""

import pytest
from pydantic import ValidationError

from mirante.errors import ConfigError
from mirante.monitors.config import ModelConfig
from mirante.monitors.tables.config import TableConfig
from mirante.sources.spark.config import SparkConfig


def test_settings_are_texts():
    config = {"spark.cores.max": 4, "spark.speculation": True, "spark.executor.memory": "2g"}
    assert SparkConfig(config=config).config == {
        "spark.cores.max": "4",
        "spark.speculation": "true",
        "spark.executor.memory": "2g",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"master": "sc://host"}, "an address of Spark Connect"),
        ({"config": {"executor.memory": "2g"}}, "'executor.memory' is no setting of Spark"),
        ({"config": "x"}, "valid dictionary"),
        ({"master": ""}, "at least 1 character"),
    ],
)
def test_what_is_wrong_is_said(given, said):
    with pytest.raises((ConfigError, ValidationError), match=said):
        SparkConfig(**given)


SQL = {"sql": "sqlite:///x", "table": "t", "time": "at", "id": "n"}


def test_what_spark_counts():
    scores = {"parquet": "scores", "time": "at", "prediction": "score"}
    assert ModelConfig(model="m", engine="spark").engine == "spark"
    assert ModelConfig(model="m", engine="spark", source=scores).engine == "spark"
    with pytest.raises(ValidationError, match=r"no labels are taken from source\.label"):
        ModelConfig(model="m", engine="spark", source={**scores, "label": "truth"})
    with pytest.raises(ValidationError, match="rows of a database are read by this process"):
        ModelConfig(model="m", engine="spark", source={**SQL, "prediction": "score"})
    with pytest.raises(ValidationError, match="rows of a database are read by this process"):
        TableConfig(table="t", engine="spark", source=SQL)
    with pytest.raises(ValidationError, match="a snapshot is looked at as a whole"):
        TableConfig(table="t", engine="spark", source="rows", kind="snapshot")
