from dataclasses import replace

import pytest

from mirante.errors import ArchiveError
from mirante.inference_log import InferenceLog
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.objects import MARK, ObjectStore
from mirante.inference_log.names import quote_name
from tests.inference_log.archive.log import LATER, all_ids, record
from tests.inference_log.rows import ids


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def archive(url, tmp_path, clock):
    root = tmp_path / "log"
    record(root, 3)
    return Archive(url, root, objects=ObjectStore(url, patience=0.0), clock=lambda: clock[0])


def moved(archive):
    return InferenceLog(archive.root, archive).move("m", LATER)


def test_what_was_moved_is_known_without_asking(archive, line, moto, bucket, tmp_path):
    url = moto.url(f"{bucket}/log", port=line.port)
    log = InferenceLog(archive.root, url)
    assert log.move("m", LATER).segments == 3
    assert log.read_new("m", None)[0].num_rows == 60
    other = InferenceLog(archive.root, url)
    other.models()
    cursor = other.present("m")
    line.requests.clear()
    for _ in range(10):
        assert other.read_new("m", cursor) == (None, cursor)
        assert other.stat()[0].rows == 60
        assert other.scan("m", end=LATER.replace(year=2000), columns=["x"]).num_rows == 0
    assert line.requests == [], "a tick lists nothing and opens nothing"


def test_a_listing_puts_right_what_is_known(archive, clock, url):
    moved(archive)
    names = list(archive.segments("m", "1"))
    others = ObjectStore(url)
    others.remove(archive.key("m", "1", names[0]))
    others.put_bytes(archive.key("m", "2", names[1]), others.read(archive.key("m", "1", names[1])))
    others.put_bytes("m/1/readme.txt", b"no segment")
    others.put_bytes("m/1/deeper/x.parquet", b"no segment")
    assert archive.versions("m") == ["1"]
    clock[0] = 300.0
    assert archive.versions("m") == ["1", "2"]
    assert list(archive.segments("m", "1")) == names[1:]
    assert archive.segments("m", "2")[names[1]].known is None
    assert ids(InferenceLog(archive.root, archive).scan("m")) == [*all_ids(3)[20:], *all_ids(3)[20:40]]
    assert archive.segments("m", "2")[names[1]].known.rows == 20, "it was learned"


def test_a_listing_that_is_older_than_what_was_written_down_takes_nothing_away(archive, clock, monkeypatch):
    moved(archive)
    name = list(archive.segments("m", "1"))[-1]
    peer = Archive(archive.name, archive.root, objects=archive.objects)
    newer = replace(name, number=9) if not hasattr(name, "_replace") else name._replace(number=9)
    real = ObjectStore.list

    def listing(self, below, **more):
        found = real(self, below, **more)
        if below == "m":  # another process moves one, and removes one, between this listing and its use
            peer.add("m", "1", {newer: peer.segments("m", "1")[name]})
            peer._file("m", "1").change({}, {name})
        return found

    clock[0] = 300.0
    peer.segments("m", "1")
    monkeypatch.setattr(ObjectStore, "list", listing)
    found = archive.segments("m", "1")
    assert newer in found
    assert name not in found


def test_an_archive_that_is_away_is_said_only_to_who_has_nothing_else(archive, tmp_path, monkeypatch):
    moved(archive)
    fresh = Archive(archive.name, archive.root, objects=archive.objects)
    stranger = Archive(archive.name, tmp_path / "nothing here", objects=archive.objects)

    def away(self, below, **more):
        raise ArchiveError("it is away")

    monkeypatch.setattr(ObjectStore, "list", away)
    assert len(fresh.segments("m", "1")) == 3
    assert not fresh.certain("m")
    assert fresh.trouble == "it is away"
    assert fresh.models() == []
    for ask in (stranger.models, lambda: stranger.segments("m", "1"), fresh.relist):
        with pytest.raises(ArchiveError, match="away"):
            ask()


def test_one_that_fails_is_listed_as_seldom_as_one_that_does_not(archive, clock, monkeypatch):
    moved(archive)
    tries = []

    def away(self, below, **more):
        tries.append(below)
        raise ArchiveError("it is away")

    fresh = Archive(archive.name, archive.root, objects=archive.objects, clock=lambda: clock[0])
    monkeypatch.setattr(ObjectStore, "list", away)
    for second in range(0, 600, 10):
        clock[0] = float(second)
        assert len(fresh.segments("m", "1")) == 3
    assert len(tries) == 2
    monkeypatch.undo()
    clock[0] = 600.0
    fresh.segments("m", "1")
    assert fresh.certain("m")
    assert fresh.trouble == ""


def test_an_archive_that_was_emptied_or_is_not_mounted_is_no_empty_archive(archive, clock):
    moved(archive)
    for key in [archive.key("m", "1", name) for name in archive.segments("m", "1")] + [MARK]:
        archive.objects.remove(key)
    clock[0] = 300.0
    assert len(archive.segments("m", "1")) == 3, "nothing is forgotten"
    assert "does not have the mark .mirante-log" in archive.trouble
    with pytest.raises(ArchiveError, match="was emptied"):
        archive.claim()


def test_an_archive_belongs_to_one_log(archive, url, tmp_path):
    archive.claim()
    archive.claim()
    assert archive.objects.owner()
    record(tmp_path / "other", 1)
    other = InferenceLog(tmp_path / "other", url)
    with pytest.raises(ArchiveError, match="belongs to another inference log"):
        other.move("m", LATER)
    assert other.scan("m").num_rows == 20


def test_long_names_are_known_without_their_folder(url, tmp_path):
    name = "x" * 300
    record(tmp_path / "log", 2, model=name, version="v/1")
    log = InferenceLog(tmp_path / "log", url)
    log.move(name, LATER)
    lost = InferenceLog(tmp_path / "lost", url)
    assert lost.models() == [(name, "v/1")]
    assert ids(lost.scan(name)) == all_ids(2)
    assert lost.archive.versions(quote_name(name)) == ["v%2F1"]


def test_check_says_what_is_wrong_with_an_address(archive, url):
    archive.check(there=False)
    with pytest.raises(ArchiveError, match="there is no archive"):
        archive.check(there=True)
    archive.claim()
    archive.check(there=True)
