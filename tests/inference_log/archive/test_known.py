import json

import pyarrow as pa

from mirante.inference_log.archive.known import Archived, Known, KnownFile
from mirante.inference_log.segments import SegmentName

ONE, TWO = (SegmentName("20260101T000000000000", "p", number) for number in (1, 2))
KNOWN = Known(10, 5, 9, 12, pa.schema([("x", pa.float64()), ("ç\n", pa.string())]), {"token": 2})


def test_what_is_kept_comes_back(tmp_path):
    file = KnownFile(tmp_path, "a")
    assert file.read() == {}
    file.change({ONE: Archived(100, 7, KNOWN), TWO: Archived(200, 8)})
    assert KnownFile(tmp_path, "a").read() == {ONE: Archived(100, 7, KNOWN), TWO: Archived(200, 8)}
    other = KnownFile(tmp_path, "a")
    assert other.read().keys() == {ONE, TWO}
    file.change({}, {ONE})
    assert other.read().keys() == {TWO}, "what another process wrote is seen"
    other.fill({TWO: Archived(1, 1, KNOWN), ONE: Archived(1, 1)})
    assert file.read() == {TWO: Archived(200, 8), ONE: Archived(1, 1)}, "what is learned replaces nothing"


def test_a_file_that_is_torn_or_of_another_archive_says_nothing(tmp_path):
    KnownFile(tmp_path, "a").change({ONE: Archived(1, 1, KNOWN)})
    assert KnownFile(tmp_path, "b").read() == {}
    path = tmp_path / ".archived.json"
    whole = path.read_bytes()
    for bad in (
        b"",
        whole[:-5],
        b"[]",
        b"{}",
        b"null",
        whole.replace(b'"schemas": ["', b'"schemas": ["AA'),
        b"\xff",
    ):
        path.write_bytes(bad)
        file = KnownFile(tmp_path, "a")
        assert file.read() == {}
        file.change({TWO: Archived(2, 2)})
        assert file.read() == {TWO: Archived(2, 2)}
        json.loads(path.read_bytes())
    KnownFile(tmp_path / "no", "a").change({ONE: Archived(1, 1)})
    assert not (tmp_path / "no").exists()
