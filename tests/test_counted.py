"""One thing and several."""

from mirante.counted import counted


def test_one_and_several():
    assert [counted(n, "row", "rows") for n in (0, 1, 2, 1_000)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "1,000 rows",
    ]
