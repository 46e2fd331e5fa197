import sys
import zlib
from datetime import timedelta
from types import ModuleType
from urllib.parse import quote

import boto3
import pytest

from mirante.errors import ArchiveError
from mirante.inference_log.archive.objects import MARK, ObjectPlace, ObjectStore
from mirante.inference_log.reader import InferenceLog
from tests.inference_log.archive.log import LATER, all_ids, record
from tests.inference_log.archive.s3 import Moto
from tests.inference_log.rows import ids


def test_objects_come_and_go(objects, tmp_path):
    assert objects.list("") == objects.list("m", deep=False) == []
    assert objects.stored("m/1/a") is None
    assert objects.owner() is None
    path = tmp_path / "a"
    data = bytes(range(256)) * 50_000  # more than one part
    path.write_bytes(data)
    stored = objects.put(path, "m%2F/1/a.parquet")
    assert stored == objects.stored("m%2F/1/a.parquet") == objects.list("m%2F")[0]
    assert stored.size == len(data)
    assert objects.crc(stored.key) == (len(data), zlib.crc32(data))
    assert objects.read(stored.key) == data
    objects.put_bytes("m%2F/1/a.parquet", b"other")
    assert objects.read(stored.key) == b"other"
    assert [one.key for one in objects.list("", deep=False)] == ["m%2F"]
    objects.remove(stored.key)
    objects.remove(stored.key)
    assert objects.list("m%2F") == []
    with pytest.raises(FileNotFoundError):
        objects.read(stored.key)
    assert objects.trouble == ""


def test_a_place_is_read_in_ranges_and_knows_when_it_is_another(objects):
    objects.put_bytes("m/a", b"0123456789")
    place = ObjectPlace(objects, "m/a")
    with place.open() as (file, stamp):
        assert place.read(file, 3, 4) == b"3456"
    assert place.stamp() == stamp
    objects.put_bytes("m/a", b"9876543210")
    assert place.stamp() != stamp
    objects.remove("m/a")
    with pytest.raises(FileNotFoundError):
        place.stamp()
    assert str(place).endswith("log/m/a")
    assert "hunter2" not in str(place)


def test_a_draft_of_a_killed_mover_goes(tmp_path):
    store = ObjectStore(f"file://{tmp_path}/log")
    store.put_bytes("m/1/a.parquet", b"1")
    (tmp_path / "log/m/1/.b.parquet.part").write_bytes(b"half")
    store.remove_drafts("m")
    assert [stored.key for stored in store.list("m")] == ["m/1/a.parquet"]


def test_what_comes_back_other_than_it_was_sent_is_said(objects, monkeypatch):
    monkeypatch.setattr(ObjectStore, "crc", lambda self, key: (1, 2))
    with pytest.raises(ArchiveError, match="other than it was sent"):
        objects.put_bytes("m/a", b"1")


def test_a_mark_that_is_no_json(objects):
    objects.put_bytes(MARK, b'{"log": "me"}')
    assert objects.owner() == "me"
    objects.put_bytes(MARK, b"x")
    with pytest.raises(ArchiveError, match="is damaged"):
        objects.owner()


class Handmade:
    """As much of fsspec as Arrow asks for, over a folder: what it would do with a storage of its own."""

    protocol = "handmade"

    def __init__(self, root):
        self.root = root

    def _at(self, path):
        return self.root / path.strip("/")

    def info(self, path):
        found = self._at(path)
        kind = "directory" if found.is_dir() else "file"
        return {"name": path, "type": kind, "size": found.stat().st_size}

    def isdir(self, path):
        return self._at(path).is_dir()

    def isfile(self, path):
        return self._at(path).is_file()

    def exists(self, path):
        return self._at(path).exists()

    def find(self, path, maxdepth, withdirs, detail):
        found = self._at(path).glob("*") if maxdepth == 1 else self._at(path).rglob("*")
        names = [one.relative_to(self.root).as_posix() for one in found]
        return {name: self.info(name) for name in names}

    def mkdir(self, path, create_parents):
        self._at(path).mkdir(parents=create_parents, exist_ok=True)

    def mv(self, one, other, recursive):
        self._at(one).replace(self._at(other))

    def rm(self, path):
        self._at(path).unlink()

    def open(self, path, mode):
        return self._at(path).open(mode)


def test_what_fsspec_reaches_is_an_archive_too(tmp_path, monkeypatch):
    core = ModuleType("fsspec.core")
    core.url_to_fs = lambda url: (Handmade(tmp_path / "there"), "/" + url.partition("://")[2])
    monkeypatch.setitem(sys.modules, "fsspec", ModuleType("fsspec"))
    monkeypatch.setitem(sys.modules, "fsspec.core", core)
    record(tmp_path / "log", 5)
    log = InferenceLog(tmp_path / "log", "handmade://bucket/log")
    assert log.move("m", LATER).segments == 5
    assert log.delete(["customer-3-x"], column="customer", by="me").rows
    for each in (log, InferenceLog(tmp_path / "lost", "handmade://bucket/log")):
        assert ids(each.scan("m")) == [name for name in all_ids(5) if int(name[2:]) % 7 != 3]
        assert each.verify() == []
    assert log.models() == [("m", "1")]
    assert not list(tmp_path.rglob("*.part"))
    assert log.retain("m", LATER, older_than=timedelta(days=1)).segments == 5


def test_a_bucket_that_is_missing(moto):
    store = ObjectStore(moto.url("nobody-made-this/log"))
    with pytest.raises(
        ArchiveError, match=r"s3://nobody-made-this/log could not take a: .*NO_SUCH_BUCKET"
    ) as e:
        store.put_bytes("a", b"1")
    assert "hunter2" not in str(e.value)


def test_one_that_is_away_is_not_asked_at_each_look(moto, bucket, line):
    now = [0.0]
    store = ObjectStore(moto.url(f"{bucket}/log", port=line.port), clock=lambda: now[0])
    store.put_bytes("a", b"1")
    line.cut()
    with pytest.raises(ArchiveError, match="NETWORK_CONNECTION") as first:
        store.read("a")
    assert store.trouble == str(first.value)
    line.mend()
    line.requests.clear()
    now[0] = 29.0
    with pytest.raises(ArchiveError, match="NETWORK_CONNECTION"):
        store.read("a")
    assert line.requests == []
    now[0] = 30.0
    assert store.read("a") == b"1"
    assert store.trouble == ""
    assert "hunter2" not in str(first.value)


def test_wrong_credentials_are_told_without_them():
    server = Moto()
    try:
        address = {"endpoint_url": f"http://127.0.0.1:{server.port}", "region_name": "us-east-1"}
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        iam = boto3.client("iam", **address, **keys)
        iam.create_user(UserName="mirante")
        policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
        iam.put_user_policy(UserName="mirante", PolicyName="s3", PolicyDocument=policy)
        key = iam.create_access_key(UserName="mirante")["AccessKey"]
        server.bucket("bucket")
        server.ask("moto-api/reset-auth", b"0")
        good = ObjectStore(
            server.url("bucket/log", key=f"{key['AccessKeyId']}:{quote(key['SecretAccessKey'], safe='')}")
        )
        good.put_bytes("a", b"1")
        bad = ObjectStore(server.url("bucket/log", key=f"{key['AccessKeyId']}:not-the-secret"), patience=0.0)
        for ask in (lambda: bad.read("a"), lambda: bad.put_bytes("b", b"1"), lambda: bad.list("")):
            with pytest.raises(ArchiveError, match="could not") as caught:
                ask()
            assert "not-the-secret" not in str(caught.value)
            assert key["AccessKeyId"] not in str(caught.value)
    finally:
        server.stop()
