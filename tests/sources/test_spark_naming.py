"""What a text means to Spark, before it is started."""

import pytest

from mirante.errors import InputError
from mirante.sources.spark.naming import is_table


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("orders", True),
        ("shop.orders", True),
        ("`my-catalog`.shop.`orders of 2024`", True),
        ("parquet.`/srv/orders.parquet`", True),
        ("s3://lake/orders", False),
        ("s3:/lake/orders", False),  # as a path has it
        (".", False),
    ],
)
def test_tables_are_told_from_files(text, table):
    assert is_table(text) is table


@pytest.mark.parametrize("text", ["churn@champion", "orders.parquet", "no/such/folder", "run:0f", "a b"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(InputError, match="is not there, and it is no name of a table of Spark"):
        is_table(text)


def test_nothing_is_refused():
    with pytest.raises(InputError, match="needs --data"):
        is_table("")
