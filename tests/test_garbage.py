"""Whether the garbage collector stays away, and comes back."""

import gc

import pytest

from mirante.garbage import without_collection


def test_it_comes_back_also_after_a_failure():
    with pytest.raises(ValueError, match="no luck"), without_collection():
        raise ValueError("no luck")
    assert gc.isenabled()


def test_one_that_was_off_stays_off():
    with without_collection():
        with without_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
