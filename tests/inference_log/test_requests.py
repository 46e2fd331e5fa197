import json
import stat
from datetime import UTC, datetime

import pytest

from mirante.errors import ConflictError
from mirante.inference_log import requests

NOW = datetime(2026, 1, 2, 3, tzinfo=UTC)


def request(root, value="ada@example.org"):
    key = requests.key_of(root)
    return requests.Request.of("mail", [value], [value], key=key, models=["m"], by="Zé", now=NOW)


def test_a_request_comes_back_as_it_was_without_the_value(tmp_path):
    made = request(tmp_path).left(["m/1/a"], {"labels": 2})
    requests.keep(tmp_path, made)
    assert requests.pending(tmp_path) == [made]
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"ada@" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_the_journal_has_one_line_for_a_request_also_after_a_crash(tmp_path):
    made = request(tmp_path)
    requests.keep(tmp_path, made)
    requests.finish(tmp_path, made, NOW, {"rows": 3})
    requests.keep(tmp_path, made)  # as if the request had not been removed
    requests.finish(tmp_path, made, NOW, {"rows": 0})
    [line] = requests.read_journal(tmp_path)
    assert (line["rows"], line["by"], line["models"], line["finished"]) == (3, "Zé", ["m"], NOW.isoformat())
    with (tmp_path / requests.JOURNAL).open("a") as file:
        file.write('{"token": "to')
    assert len(requests.read_journal(tmp_path)) == 1
    assert requests.pending(tmp_path) == []


def test_digests_need_the_logs_own_key(tmp_path):
    (tmp_path / "other").mkdir()
    assert request(tmp_path).asked != request(tmp_path / "other").asked
    assert request(tmp_path).asked == request(tmp_path).asked
    assert len(json.dumps(request(tmp_path).asked)) == 68


def test_one_at_a_time(tmp_path):
    with requests.alone(tmp_path), pytest.raises(ConflictError), requests.alone(tmp_path):
        pass
    with requests.alone(tmp_path):
        pass
