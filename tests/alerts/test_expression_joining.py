"""The join of metrics on shared labels."""

from __future__ import annotations

import pytest

from mirante.alerts.expression.joining import Sample, join
from mirante.errors import ConfigError


def joined(*columns: list[dict[str, str]]) -> list[tuple[dict[str, str], int]]:
    names = [f"m{index}" for index in range(len(columns))]
    samples = [[Sample(labels, 1.0) for labels in column] for column in columns]
    return [(dict(row.labels), len(row.samples)) for row in join(names, samples)]


def test_equal_labels_pair_and_the_rest_stays() -> None:
    assert joined([{"h": "a"}, {"h": "b"}], [{"h": "b"}, {"h": "c"}]) == [
        ({"h": "a"}, 1),
        ({"h": "b"}, 2),
        ({"h": "c"}, 1),
    ]


def test_one_to_many_both_ways() -> None:
    many = [{"h": "a", "f": "x"}, {"h": "a", "f": "y"}]
    assert joined([{"h": "a"}], many) == [(labels, 2) for labels in many]
    assert joined(many, [{"h": "a"}]) == [(labels, 2) for labels in many]


def test_without_shared_labels_every_pair() -> None:
    assert len(joined([{"h": "a"}, {"h": "b"}], [{"m": "x"}, {"m": "y"}])) == 4
    assert joined([{"h": "a"}], [{}]) == [({"h": "a"}, 2)]


def test_series_of_one_metric_with_different_labels() -> None:
    assert joined([{"h": "a"}], [{"h": "a", "f": "x"}, {"f": "y"}, {"h": "b"}]) == [
        ({"h": "a", "f": "x"}, 2),
        ({"h": "a", "f": "y"}, 2),
        ({"h": "b"}, 1),
    ]


def test_slices_meet_the_same_slice_and_never_all_rows() -> None:
    whole, one, other = {"m": "a"}, {"m": "a", "slice": "x"}, {"m": "a", "slice": "y"}
    assert joined([whole, one], [whole, one, other]) == [(whole, 2), (one, 2), (other, 1)]
    assert joined([one], [whole]) == [(one, 1), (whole, 1)]
    assert joined([{**one, "f": "age"}], [one, whole]) == [({**one, "f": "age"}, 2), (whole, 1)]


def test_three_metrics() -> None:
    assert joined([{"h": "a"}], [{"h": "a", "f": "x"}], [{"f": "x", "g": "1"}]) == [
        ({"h": "a", "f": "x", "g": "1"}, 3)
    ]


def test_a_join_without_end_is_an_error() -> None:
    with pytest.raises(ConfigError, match="where"):
        joined([{"h": str(i)} for i in range(1000)], [{"m": str(i)} for i in range(1000)])


def test_nothing() -> None:
    assert join([], []) == []
    assert joined([], [{"h": "a"}]) == [({"h": "a"}, 1)]
