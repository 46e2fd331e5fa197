"""What goes into a column comes out again, whatever it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select
from sqlalchemy.engine import Engine

from mirante.errors import StoreError
from mirante.store.types import (
    AnyText,
    Json,
    Number,
    NumberOrNone,
    UtcTime,
    finite,
    from_micros,
    to_micros,
)

_TABLE = Table(
    "all_types",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("time", UtcTime),
    Column("text", AnyText),
    Column("number", Number),
    Column("exact", NumberOrNone),
    Column("json", Json),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "sqlite":
        made = create_engine(f"sqlite:///{tmp_path_factory.mktemp('types')}/types.db")
    else:
        server = request.getfixturevalue("postgres_server")
        made = create_engine(server.url(server.create()))
    _TABLE.metadata.create_all(made)
    yield made
    made.dispose()


def _there_and_back(engine: Engine, column: str, value: Any) -> Any:
    with engine.begin() as connection:
        connection.execute(_TABLE.delete())
        connection.execute(insert(_TABLE).values({column: value}))
        return connection.execute(select(_TABLE.c[column])).scalar_one()


def _same(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return left == right or (math.isnan(left) and math.isnan(right))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=300))
def test_any_text_comes_back(engine: Engine, text: str) -> None:
    assert _there_and_back(engine, "text", text) == text


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\x00b",
        "\ud800 alone",
        "\r\nBcc: x",
        "\u202egnp.exe",
        "\x1b[31m",
        "\x1b0;",
        "'; DROP TABLE x;--",
        "x" * 300,
    ],
)
def test_hostile_text_comes_back(engine: Engine, text: str) -> None:
    assert _there_and_back(engine, "text", text) == text


def test_text_that_a_database_refuses_is_never_sent() -> None:
    sent = AnyText().process_bind_param("a\x00b\udfffc", None)  # type: ignore[arg-type]  # the dialect is not used
    assert sent is not None
    assert "\x00" not in sent
    sent.encode()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats())
def test_floats_come_back(engine: Engine, value: float) -> None:
    assert _same(_there_and_back(engine, "number", value), value)
    assert _same(_there_and_back(engine, "exact", value), value)


def test_none_and_nan_are_kept_apart_where_it_matters(engine: Engine) -> None:
    assert _there_and_back(engine, "exact", None) is None
    assert math.isnan(_there_and_back(engine, "exact", math.nan))
    assert math.isnan(_there_and_back(engine, "number", None))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(time=st.datetimes(timezones=st.just(UTC)))
def test_times_come_back_to_the_microsecond(engine: Engine, time: datetime) -> None:
    assert _there_and_back(engine, "time", time) == time
    assert from_micros(to_micros(time)) == time


def test_times_come_back_as_utc(engine: Engine) -> None:
    found = _there_and_back(engine, "time", datetime(2013, 2, 8, tzinfo=timezone(timedelta(hours=-5))))
    assert found.tzinfo is UTC
    assert found.hour == 5


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(StoreError, match="no time zone; give an aware datetime"):
        to_micros(datetime(2013, 2, 8))


def test_json_keeps_what_json_has_and_more(engine: Engine) -> None:
    value = {"a": [1, 2.5, None, True], "nan": math.nan, "inf": -math.inf, "\x00\ud800": "ção\x00"}
    found = _there_and_back(engine, "json", value)
    assert math.isnan(found.pop("nan"))
    assert found == {key: kept for key, kept in value.items() if key != "nan"}


def test_json_takes_numpy_and_read_only_mappings(engine: Engine) -> None:
    value = {
        "n": np.int64(3),
        "x": np.float32(0.5),
        "a": np.arange(3),
        "m": MappingProxyType({"k": "v"}),
        "t": (1, 2),
    }
    assert _there_and_back(engine, "json", value) == {
        "n": 3,
        "x": 0.5,
        "a": [0, 1, 2],
        "m": {"k": "v"},
        "t": [1, 2],
    }


def test_json_refuses_the_rest_with_advice() -> None:
    with pytest.raises(StoreError, match="datetime is not text, number, list or dict; convert it first"):
        Json().process_bind_param({"when": datetime.now(UTC)}, None)  # type: ignore[arg-type]  # the dialect is not used


@dataclass
class Point:
    x: float
    more: dict


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (float("nan"), None),
        (math.inf, None),
        (np.float64("-inf"), None),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1.0, math.nan]), [1.0, None]),
        (0, 0),
        (True, True),
        (None, None),
        ("nan", "nan"),
        ({1: (math.nan, [2.0])}, {"1": [None, [2.0]]}),
        (Point(math.nan, {"y": np.float64(1.0)}), {"x": None, "more": {"y": 1.0}}),
    ],
)
def test_finite_makes_plain_json(value, plain):
    found = finite(value)
    assert found == plain
    assert type(found) is type(plain)
    json.dumps(found, allow_nan=False)


@given(
    st.recursive(
        st.floats() | st.integers() | st.text() | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=10,
    )
)
def test_finite_is_always_json_and_changes_it_once_only(value):
    found = finite(value)
    json.dumps(found, allow_nan=False)
    assert finite(found) == found
