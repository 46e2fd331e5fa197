from datetime import UTC, datetime, timedelta

import pytest

from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.tallies import Tally, forget_tallies, note_tally, read_tallies, read_tally

THEN = datetime(2026, 1, 1, tzinfo=UTC)
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def test_what_processes_noted_adds_up_and_the_last_note_of_each_counts(tmp_path):
    note_tally(tmp_path, "a", Tally({"400": 1}), THEN.timestamp())
    note_tally(tmp_path, "a", Tally({"400": 2, "500": 1}, {("age", "null"): 3}), THEN.timestamp())
    note_tally(
        tmp_path, "b", Tally({"400": 5}, {("age", "null"): 1, ("plan", "missing"): 2}), THEN.timestamp()
    )
    found = read_tally(tmp_path, ALWAYS)
    assert read_tallies(tmp_path)["a"] == Tally({"400": 2, "500": 1}, {("age", "null"): 3})
    assert found == Tally({"400": 7, "500": 1}, {("age", "null"): 4, ("plan", "missing"): 2})


def test_what_is_too_old_is_left_out_and_forgotten(tmp_path):
    note_tally(tmp_path, "old", Tally({"400": 1}), (THEN - timedelta(days=2)).timestamp())
    note_tally(tmp_path, "new", Tally({"500": 1}), THEN.timestamp())
    assert read_tally(tmp_path, THEN - timedelta(days=1)) == Tally({"500": 1})
    forget_tallies(tmp_path, (THEN - timedelta(days=1)).timestamp())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".served-new"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '["x", {}, []]',
        "[1, [], []]",
        '[1, {"a": "b"}, []]',
        "[1, {}, [[1]]]",
        "[NaN, {}, []]",
        '[1, {"a": Infinity}, []]',
    ],
)
def test_what_is_no_note_of_ours_is_passed_over(tmp_path, text):
    (tmp_path / ".served-x").write_text(text)
    (tmp_path / ".served-y~").write_text('[1, {"400": 1}, []]')
    assert not read_tally(tmp_path, ALWAYS)


def test_hostile_names_come_back_as_they_were(tmp_path):
    tally = Tally({"ValueError": 1}, {("\x00\ud800'\"</script>", "extra"): 1, ("", "null"): 2})
    note_tally(tmp_path, "a", tally, 1.0)
    assert read_tally(tmp_path, ALWAYS) == tally


def test_nothing_is_there_without_a_folder(tmp_path):
    assert not InferenceLog(tmp_path / "no").tally("m", "1", ALWAYS)
    forget_tallies(tmp_path / "no", 1.0)
