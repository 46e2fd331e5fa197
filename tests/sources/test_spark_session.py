"""Spark's session: late, once, stopped by who made it; and what is said when it does not come."""

import os
from urllib.request import urlopen

import pytest

from mirante.errors import InputError, MissingDependencyError
from mirante.sources.spark import session as module
from mirante.sources.spark.config import SparkConfig
from mirante.sources.spark.session import SparkEngine

ROW = "task int, value long, error string"


def test_a_session_that_is_there_is_taken_and_left(spark):
    with SparkEngine(SparkConfig(master="local[1]")) as engine:
        assert not engine.started
        assert engine.session is engine.session
        assert engine.started
        assert engine.processors == 2, "the one that was there"

        def work(place, known):
            yield place, known[place] + 1, None
            yield place, None, "odd" if place == 1 else None

        assert engine.run(work, [10, 20, 30], 3, ROW) == [
            (0, 11, None),
            (0, None, None),
            (1, 21, None),
            (1, None, "odd"),
            (2, 31, None),
            (2, None, None),
        ]
    assert spark.range(3).count() == 3


def test_a_worker_with_another_mirante_is_said(spark, monkeypatch):
    monkeypatch.setattr(module, "__version__", "0.0.1")
    engine = SparkEngine(SparkConfig())
    with pytest.raises(InputError, match=r"and the driver 0\.0\.1; install the same version"):
        engine.run(lambda place, known: iter(()), None, 1, ROW)


def test_warnings_stay_away_unless_spark_has_a_file_for_them(tmp_path):
    ((name, said),) = module._quiet({}).items()
    assert name == "spark.driver.defaultJavaOptions", (
        "spark.driver.extraJavaOptions is the user's, and comes after it"
    )
    address = said.removeprefix("-Dlog4j2.configurationFile=")
    assert "rootLogger.level = error" in urlopen(address).read().decode()
    (tmp_path / "conf").mkdir()
    own = tmp_path / "conf" / "log4j2.properties"
    for there in (False, True):
        if there:
            own.write_text("")
        for environ in ({"SPARK_CONF_DIR": str(tmp_path / "conf")}, {"SPARK_HOME": str(tmp_path)}):
            assert bool(module._quiet(environ)) is not there


def test_without_pyspark_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark", None)
    with pytest.raises(MissingDependencyError, match=r"mirante\[spark\]"):
        _ = SparkEngine(SparkConfig()).session


class Builder:
    """Of a Spark that does not start."""

    def __getattr__(self, name):
        return lambda *args, **more: self

    def getOrCreate(self):  # noqa: N802  Spark's name
        raise RuntimeError(f"no master; {os.environ.get('PYSPARK_PYTHON')}")


class Sql:
    class SparkSession:
        builder = Builder()


def test_a_spark_that_does_not_start_is_said(monkeypatch):
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    engine = SparkEngine(SparkConfig(master="spark://nowhere:7077", python="/opt/python"))
    with pytest.raises(InputError, match=r"'spark://nowhere:7077': no master; /opt/python; it needs Java"):
        engine._start(Sql)
    assert "PYSPARK_PYTHON" not in os.environ
    monkeypatch.setenv("PYSPARK_PYTHON", "/usr/bin/mine")
    with pytest.raises(InputError, match="no master; /usr/bin/mine"):
        SparkEngine(SparkConfig(master="yarn"))._start(Sql)
    assert os.environ["PYSPARK_PYTHON"] == "/usr/bin/mine"


def test_a_master_that_does_not_answer_is_said_in_words(monkeypatch):
    def stopped(builder):
        raise RuntimeError(
            "An error occurred while calling None.S. Cannot call methods on a stopped SparkContext."
        )

    monkeypatch.setattr(Builder, "getOrCreate", stopped)
    with pytest.raises(
        InputError, match="'spark://a:1': it gave up, as its master does not answer; it needs"
    ):
        SparkEngine(SparkConfig(master="spark://a:1"))._start(Sql)


class Over:
    """A session whose master has ended it."""

    def __init__(self):
        self.stopped = False
        self.sparkContext = self._jsc = self

    def sc(self):
        return self

    def isStopped(self):  # noqa: N802  Spark's name
        return True

    def stop(self):
        self.stopped = True


def test_a_session_that_ended_is_replaced(spark):
    engine = SparkEngine(SparkConfig())
    over = engine._session = Over()
    engine._own = True
    assert engine.session is not over
    assert over.stopped
    assert engine.session.range(2).count() == 2
    engine.stop()
    assert not engine.started
    engine.stop()
