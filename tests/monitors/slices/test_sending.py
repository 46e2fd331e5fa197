"""Slices go to agents and come back as they are; what is none is refused."""

import base64
import json
from dataclasses import replace

import pandas as pd
import pytest

from mirante.errors import InputError
from mirante.monitors.slices.baselines import SliceBaselines
from mirante.monitors.slices.counting import signature
from mirante.monitors.slices.resolving import Resolved
from mirante.monitors.slices.sending import (
    counts_of,
    offer_slices,
    offered_slices,
    pack_slices,
    slice_parts,
    unpack_slices,
)
from mirante.profiles import TableProfile

ROWS = pd.DataFrame({"plan": ["pro"] * 150 + ["max"] * 120, "age": [*range(270)], "more": [1.5] * 270})


@pytest.fixture(scope="module")
def resolved():
    found = SliceBaselines.fit(["plan", "age >= 30", "more"], ROWS, TableProfile.of(ROWS))
    return Resolved(found.like, found.slices, (), found.like.layout.numeric)


@pytest.fixture(scope="module")
def packed(resolved):
    profile = TableProfile.of(
        {"plan": ["max"] * 3, "age": [40.0, 41.0, 42.5], "more": [0.1] * 3}, like=resolved.like
    )
    return profile, pack_slices({2: profile, 1: profile}, resolved)


def test_what_agents_count_with_is_what_was_declared(resolved):
    content = offer_slices(resolved)
    back = offered_slices(content)
    assert signature(back) == signature(resolved)
    assert [one.slice for one in back.slices] == [one.slice for one in resolved.slices]
    assert back.numeric == resolved.numeric
    assert b"269" not in base64.b64decode(json.loads(content)["like"])
    assert back.slices[0].profile.rows == 0  # what is normal in it stays


def test_counts_come_back_to_the_last_bit(resolved, packed):
    profile, said = packed
    found = unpack_slices(json.loads(json.dumps(said)), resolved, 3)
    assert list(found) == [1, 2]
    assert found[1].to_bytes() == profile.to_bytes()
    assert unpack_slices(None, resolved, 3) is None
    assert unpack_slices({**said, "signature": "another"}, resolved, 3) is None
    assert slice_parts(said)[2] > 0


def test_what_did_not_change_is_not_packed_again(resolved, packed):
    profile, said = packed
    kept = {}
    first = pack_slices({2: profile, 1: profile}, resolved, kept)
    more = pack_slices({1: profile, 2: profile + profile}, resolved, kept)
    assert first == said
    assert more["profiles"][0][1] is first["profiles"][0][1]
    assert unpack_slices(more, resolved, 6)[2] == profile + profile
    assert pack_slices({2: profile}, resolved, kept)["profiles"] == said["profiles"][1:]


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": 3},
        {"profiles": [[0, "AAAA"]]},
        {"profiles": [["0", ""]]},
        {"profiles": [[0]]},
        {"profiles": 4},
        {"profiles": [[0, "!"]]},
        {"profiles": [[400, None]]},
    ],
)
def test_what_is_no_slice_is_refused(packed, wrong):
    with pytest.raises(InputError, match="slices"):
        slice_parts({**packed[1], **wrong})


def test_numbers_and_counts_that_cannot_be_are_refused(resolved, packed):
    profile, said = packed
    (_, text), _ = said["profiles"]
    for place in (400, -1, True):
        with pytest.raises(InputError, match="at most 400 numbers"):
            slice_parts({**said, "profiles": [[place, text]]})
    with pytest.raises(InputError, match="at most 400 numbers"):
        slice_parts({**said, "profiles": [[1, text], [1, text]]})
    with pytest.raises(InputError, match="no such slice"):
        unpack_slices({**said, "profiles": [[399, text]]}, resolved, 3)
    with pytest.raises(InputError, match="more rows than the 2 of its window"):
        unpack_slices(said, resolved, 2)
    below = TableProfile(
        profile.rows,
        profile.layout,
        profile.numbers,
        replace(profile.categories, missing=-1 - profile.categories.missing),
    )
    assert min(int(one.min()) for one in counts_of(below)) == -1
    with pytest.raises(InputError, match="fewer than no rows"):
        unpack_slices(pack_slices({0: below}, resolved), resolved, 3)
    with pytest.raises(InputError, match="another baseline"):
        unpack_slices(
            {
                **said,
                "profiles": [
                    [
                        0,
                        base64.b64encode(
                            TableProfile.of(ROWS[:9]).to_bytes(like=TableProfile.of(ROWS[:9]))
                        ).decode(),
                    ]
                ],
            },
            resolved,
            9,
        )


@pytest.mark.parametrize("parted", [False, True])
def test_a_slice_with_edges_of_its_own_is_refused(resolved, packed, parted):
    own = base64.b64encode(TableProfile.of(ROWS[:3]).to_bytes(parted=parted)).decode()
    # edges and levels beside a profile are what the store keeps, and nothing that is sent
    said = "signature, and a profile" if parted else "other edges"
    with pytest.raises(InputError, match=said):
        unpack_slices({**packed[1], "profiles": [[0, own]]}, resolved, 3)
    same = base64.b64encode(packed[0].to_bytes()).decode()
    found = unpack_slices({**packed[1], "profiles": [[0, same]]}, resolved, 3)
    assert found == {0: packed[0]}


@pytest.mark.parametrize("content", [b"torn", b"{}", b'{"like": "AAAA", "slices": [], "numeric": []}'])
def test_what_agents_cannot_read_is_said(content):
    with pytest.raises(InputError, match="slices that are to be counted cannot be read"):
        offered_slices(content)
