"""What is kept of a registered model, whatever happens to it between two looks."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mirante.sources.registry import ModelBook
from mirante.sources.registry.book import RegistryBook, Scan
from mirante.tracking.versions import ModelSeen, VersionSeen

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def seen(newest, aliases=None, stages=None, created=NOW):
    version = (
        None if newest == 0 else VersionSeen(str(newest), NOW, has_baseline=False, stage="", entity=None)
    )
    return ModelSeen("churn", created, NOW, aliases or {}, version, stages or {})


def kinds(happened):
    return [(one.kind, one.pointer, one.before, one.to) for one in happened]


def test_nothing_of_a_model_that_was_there_before_is_news():
    first = seen(3, {"champion": "2"}, {"Production": "2"})
    book = ModelBook.opened(first, new=False)
    assert book.advance(NOW, first, []) == []
    assert (book.count, book.top) == (None, 3)


def test_all_of_a_model_that_came_while_the_registry_was_watched_is_news():
    first = seen(2, {"champion": "1"})
    book = ModelBook.opened(first, new=True)
    assert list(book.unseen(first)) == [1]
    assert kinds(book.advance(NOW, first, ["1"])) == [
        ("version_created", "", "", "1"), ("version_created", "", "", "2"),
        ("alias_created", "champion", "", "1"),
    ]  # fmt: skip
    assert book.count == 2


def test_versions_between_two_looks_are_counted_but_for_those_that_are_gone_again():
    book = ModelBook.opened(seen(1), new=False)
    book.count = 1
    assert list(book.unseen(seen(4))) == [2, 3]
    happened = book.advance(NOW, seen(4), ["3"])
    assert [one.to for one in happened] == ["3", "4"]
    assert book.count == 3
    assert book.advance(NOW, seen(4), []) == []
    assert book.advance(NOW, seen(2), []) == []  # the newest two were deleted: a count of all says how many
    assert [one.to for one in book.advance(NOW, seen(5), [])] == ["5"]


def test_aliases_are_followed_also_when_they_are_deleted_on_the_way():
    book = ModelBook.opened(seen(3, {"a": "1", "b": "1"}), new=False)
    assert kinds(book.advance(NOW, seen(3, {"a": "2"}), [])) == [
        ("alias_moved", "a", "1", "2"), ("alias_deleted", "b", "1", ""),
    ]  # fmt: skip
    assert kinds(book.advance(NOW, seen(3, {"a": "2", "b": "3"}), [])) == [("alias_created", "b", "", "3")]
    assert {alias: (one.version, one.moves, one.left) for alias, one in book.present.items()} == {
        "a": ("2", 1, "1"), "b": ("3", 1, "1"),
    }  # fmt: skip
    book.advance(NOW, seen(3), [])
    assert book.present == {}
    book.advance(NOW + 2 * DAY, seen(3), [])
    assert book.aliases == {}  # names that come and go do not pile up


def test_a_stage_is_told_when_another_version_is_in_it():
    book = ModelBook.opened(seen(2, stages={"Staging": "2"}), new=False)
    happened = book.advance(NOW, seen(2, stages={"Production": "2"}), [])
    assert kinds(happened) == [("stage_changed", "Production", "", "2")]


def test_another_model_of_the_same_name_is_another():
    assert ModelBook.opened(seen(3), new=False).is_of(seen(4))
    assert not ModelBook.opened(seen(3), new=False).is_of(seen(1, created=NOW + DAY))
    assert ModelBook.opened(seen(3, created=None), new=False).is_of(seen(3, created=None))


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.dictionaries(st.sampled_from("abc"), st.sampled_from("123"))),
        max_size=8,
    )
)
def test_a_book_comes_back_from_json_as_it_was(looks):
    book = ModelBook.opened(seen(1), new=True)
    for number, aliases in looks:
        moves = {alias: (one.version, one.moves) for alias, one in book.aliases.items()}
        book.advance(NOW, seen(number, aliases), [])
        assert {alias: one.version for alias, one in book.present.items()} == aliases
        for alias, (version, times) in moves.items():
            assert book.aliases[alias].moves == times + (aliases.get(alias, version) != version)
        assert ModelBook.from_json(json.loads(json.dumps(book.to_json()))) == book


@given(st.lists(st.sampled_from(["new", "page"]), max_size=30), st.integers(1, 4))
def test_each_version_is_counted_once_whatever_comes_while_they_are_counted(events, size):
    everything = [("churn", number + 1) for number in range(6)]
    whole, book = RegistryBook(scan=Scan({"churn": 6})), ModelBook.opened(seen(6), new=False)

    def page():
        start = int(whole.scan.token or 0)
        token = str(start + size) if start + size < len(everything) else None
        found = whole.take_page(everything[start : start + size], token)
        if found is not None:
            book.count = found["churn"]

    for one in events:
        if one == "new":
            everything.append(("churn", len(everything) + 1))
            happened = book.advance(NOW, seen(len(everything)), [])
            if whole.scan is not None:
                whole.scan.meanwhile["churn"] = whole.scan.meanwhile.get("churn", 0) + len(happened)
        elif whole.scan is not None:
            page()
        assert RegistryBook.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    while whole.scan is not None:
        page()
    assert book.count == len(everything)
