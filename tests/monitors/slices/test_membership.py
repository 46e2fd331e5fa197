"""Which rows a condition takes: against a plain reading of each row, and with missing values."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.monitors.slices.entry import Entry
from mirante.monitors.slices.membership import Columns, check_columns, rows_of
from mirante.profiles.frames import raw_columns

NUMERIC = {"age", "limit"}
AGES = (None, float("nan"), float("-inf"), 0.0, 64.0, 65.0, float("inf"))
PLANS = (None, "pro", "max", "", "<script>")
MEMBERS = (None, True, False)


def columns(**table):
    rows, raws = raw_columns(table)
    return Columns(raws, rows, NUMERIC)


def known(value):
    return value is not None and value == value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("age >= 65", lambda age, plan, member: known(age) and age >= 65),
        ("65 > age", lambda age, plan, member: known(age) and age < 65),
        ("not age >= 65", lambda age, plan, member: known(age) and age < 65),
        ("age != 65", lambda age, plan, member: known(age) and age != 65),
        ("0 <= age < 65", lambda age, plan, member: known(age) and 0 <= age < 65),
        ("plan in ('pro', 'max')", lambda age, plan, member: plan in ("pro", "max")),
        ("plan not in ('pro', 'max')", lambda age, plan, member: plan in ("", "<script>")),
        ("plan != '<script>'", lambda age, plan, member: plan in ("pro", "max", "")),
        ("member == True", lambda age, plan, member: member is True),
        ("member and age > 0", lambda age, plan, member: member is True and known(age) and age > 0),
        ("not member", lambda age, plan, member: member is False),
        ("member == False", lambda age, plan, member: member is False),
        (
            "age >= 65 or plan == 'pro'",
            lambda age, plan, member: (known(age) and age >= 65) or plan == "pro",
        ),
        # true although the age is missing: what the other side says is enough
        (
            "not (age >= 65 and plan == 'pro')",
            lambda age, plan, member: (known(age) and age < 65) or (plan is not None and plan != "pro"),
        ),
    ],
)
def test_rows_are_those_of_a_plain_reading(text, wanted):
    rows = list(itertools.product(AGES, PLANS, MEMBERS))
    found = columns(
        age=pa.array([row[0] for row in rows], pa.float64()),
        plan=pa.array([row[1] for row in rows], pa.string()),
        member=pa.array([row[2] for row in rows], pa.bool_()),
    )
    expected = [place for place, row in enumerate(rows) if wanted(*row)]
    assert rows_of(Entry.parse(text), found).tolist() == expected


def test_two_columns_of_numbers_are_compared():
    found = columns(age=[1.0, 5.0, None], limit=[2.0, 4.0, 1.0])
    assert rows_of(Entry.parse("age > limit"), found).tolist() == [1]


def test_numbers_in_a_column_of_texts_are_compared_as_the_profile_writes_them():
    found = columns(zip=pa.array(["10115", "7", None]))
    assert rows_of(Entry.parse("zip in (10115, 7.0)"), found).tolist() == [0, 1]


def test_a_column_that_the_table_lacks_is_missing_in_every_row():
    found = columns(age=[70.0])
    assert rows_of(Entry.parse("plan != 'pro'"), found).tolist() == []
    assert rows_of(Entry.parse("limit < 3 or age > 65"), found).tolist() == [0]
    nothing = columns(age=np.array([]), plan=pa.array([], pa.string()))
    assert rows_of(Entry.parse("plan != 'pro' or age > 3"), nothing).size == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("regoin", "there is no column 'regoin'; did you mean 'region'?"),
        ("ages > 3", "did you mean 'age'?"),
        ("zzz > 3", "there are age, member, region"),
        ("region >= 'a'", "'region' holds texts; compare it with a text, by ==, != or in"),
        ("region == age", "'region' holds texts"),
        ("age == 'old'", "'age' holds numbers and cannot be a text"),
        ("age", ""),
        ("not age", "'age' holds numbers and cannot be true or false"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(text, said):
    if not said:
        check_columns(Entry.parse(text), ["age"], ["age"])
        return
    with pytest.raises(InputError) as refused:
        check_columns(Entry.parse(text), ["region", "age", "member"], ["age"])
    assert said in str(refused.value)
    assert repr(text) in str(refused.value)
