"""A column of categories: order of levels, the rest, new ones."""

import collections

import pytest

from mirante.errors import InputError
from mirante.profiles import CategoricalProfile


def of(values, **options):
    return CategoricalProfile.of("c", collections.Counter(values), **options)


def test_levels_are_ordered_by_count_then_name():
    assert of(list("bbaacccd")).levels == ("c", "a", "b", "d")


def test_more_levels_than_the_most_are_counted_together():
    profile = of(list("aaabbcd"), most=2)
    assert profile.levels == ("a", "b")
    assert (profile.other, profile.n) == (2, 7)


def test_new_levels_of_a_window_are_other():
    window = of(list("axxy"), like=of(list("aab")))
    assert (window.levels, window.counts.tolist(), window.other) == (("a", "b"), [1, 0], 3)


def test_levels_without_rows_are_left_out():
    profile = CategoricalProfile.of("c", {"a": 2, "b": 1, "unused": 0}, missing=1)
    assert profile.levels == ("a", "b")
    assert profile.counts.tolist() == [2, 1]
    assert profile.missing == 1


def test_profiles_of_other_baselines_do_not_add():
    with pytest.raises(InputError, match="1 levels on one side and 2 others"):
        of(["a"]) + of(["a", "b"])
    assert of(["a"]) != of(["b"])
