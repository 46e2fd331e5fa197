"""The notes of rows that were dropped: written by each recorder, read together."""

from datetime import UTC, datetime

import pytest

from mirante.inference_log.drops import Drops, note_drops, read_drops
from mirante.inference_log.reader import InferenceLog

SOON = datetime(2013, 2, 8, tzinfo=UTC)
TIME = SOON.timestamp()


def test_recorders_are_added_up_and_the_last_reason_is_told(tmp_path):
    note_drops(tmp_path, "a", Drops(3, "full"), TIME + 1)
    note_drops(tmp_path, "b", Drops(4, "no space left"), TIME + 2)
    note_drops(tmp_path, "a", Drops(5, "full"), TIME + 1)
    assert read_drops(tmp_path, SOON) == Drops(9, "no space left")


def test_recorders_that_dropped_nothing_lately_are_left_out(tmp_path):
    note_drops(tmp_path, "a", Drops(3, "full"), TIME - 1)
    assert read_drops(tmp_path, SOON) == Drops(0, "")
    note_drops(tmp_path, "b", Drops(1, "late"), TIME)
    assert read_drops(tmp_path, SOON) == Drops(1, "late")


@pytest.mark.parametrize(
    "text", ["", "7", "[1]", '["x", 1, ""]', "[1, null, 2]", "[1e400, 1, 2]", "[NaN, 1, 2]"]
)
def test_a_damaged_note_is_passed_over(tmp_path, text):
    note_drops(tmp_path, "a", Drops(3, "full"), TIME)
    (tmp_path / ".dropped-b").write_text(text, encoding="utf-8")
    (tmp_path / ".dropped-c~").write_text(text, encoding="utf-8")
    assert read_drops(tmp_path, SOON) == Drops(3, "full")


def test_a_reason_of_any_length_is_cut(tmp_path):
    note_drops(tmp_path, "a", Drops(3, "ã\ud800" * 1000), TIME)
    assert len(read_drops(tmp_path, SOON).reason) == 300


def test_notes_are_no_models_and_no_segments(tmp_path):
    (tmp_path / "churn").mkdir()
    note_drops(tmp_path / "churn", "a", Drops(3, "full"), TIME)
    log = InferenceLog(tmp_path)
    assert log.models() == []
    assert log.read_new("churn", None) == (None, {})
    assert log.dropped("churn", SOON) == Drops(3, "full")
