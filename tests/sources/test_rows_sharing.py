"""How much one look reads."""

from mirante.sources.rows.sharing import Share


def test_nothing_is_taken_of_what_is_spent():
    share = Share(5, 100.0)
    assert share.take(5, 1.0) == 5
    assert share.spent
    assert share.take(5, 1.0) == 0


def test_files_without_rows_take_nothing():
    share = Share(5, 100.0)
    assert share.take(0, 1.0) == 0
    assert not share.spent
