"""What workers find is brought together on workers: what each of them does, without Spark."""

from pathlib import PurePosixPath
from types import SimpleNamespace

import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.sources.spark.counting import from_batch, to_batch
from mirante.sources.spark.files import _unread
from mirante.sources.spark.reducing import _merging, _working, reduce_parts

SENT = SimpleNamespace(value=10)


def rows(work, batches):
    return [row for batch in work(iter(batches)) for row in from_batch(batch)]


def summed(key, findings, known, last):
    return key + (known if last else 0), str(sum(map(int, findings))).encode()


def test_findings_of_a_key_become_one_whatever_their_number():
    findings = [to_batch([(key, str(number).encode(), 0, None)]) for number in range(20) for key in (1, 2)]
    assert rows(_merging(SENT, summed), findings) == [(11, b"190", 0, None), (12, b"190", 0, None)]
    assert rows(_merging(SENT, summed), []) == []


def test_what_a_worker_refuses_reaches_the_driver(monkeypatch):
    def work(part, batches, known):
        yield part, str(known + sum(batch.num_rows for batch in batches)).encode()
        raise InputError("a column holds nothing that can be counted")

    batches = [pa.record_batch({"x": [1, 2]})] * 2
    found = rows(_working(SENT, work), batches)
    refused = "a column holds nothing that can be counted"
    assert found == [(0, b"14", 0, None), (None, None, 0, refused)]
    assert rows(_merging(SENT, summed), [to_batch([row]) for row in found]) == [(None, None, 0, refused)]
    other = _working(SENT, work)
    monkeypatch.setattr("mirante.sources.spark.counting.__version__", "0.0.0")
    ((_, _, _, said),) = rows(other, batches)
    assert said.startswith("a worker has Mirante 0.0.0 and the driver")


def test_spark_says_what_a_worker_refused(spark):
    def each(columns, work):
        from mirante.sources.spark.jobs import map_arrow

        return map_arrow(spark.range(3), work, "start long, profile binary, untimed long, error string")

    def refusing(part, batches, known):
        from mirante.errors import InputError

        raise InputError(f"part {part} of {known}")
        yield

    table = SimpleNamespace(spark=spark, each=each)
    with pytest.raises(InputError, match="part 0 of 10"):
        reduce_parts(table, ["x"], refusing, 10)


def test_a_worker_without_credentials_is_told_how_to_give_it_some():
    said = _unread([PurePosixPath("lake/a.parquet")], OSError("ACCESS_DENIED"))[3]
    assert "a worker cannot read lake/a.parquet: ACCESS_DENIED; workers open object storage" in said
    assert "spark.executorEnv.AWS_ACCESS_KEY_ID" in said
