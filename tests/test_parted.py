"""Two parts go in, two come out, and nothing else is taken for them."""

import pytest

from mirante.parted import digest_of, join, split


@pytest.mark.parametrize("parts", [(b"", b""), (b"a", b""), (b"", b"b"), (b"a" * 300, b"b" * 70_000)])
def test_parts_come_back(parts):
    assert split(join(*parts)) == parts


def test_what_is_cut_is_not_parted():
    whole = join(b"common", b"")
    assert all(split(whole[:length]) is None for length in range(len(whole)))
    assert split(b"MRTP" + bytes(20)) is None


def test_digests_tell_common_parts():
    assert len(digest_of(b"a")) == 16
    assert digest_of(b"a") != digest_of(b"b")
