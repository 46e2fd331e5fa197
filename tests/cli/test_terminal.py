"""Tables for a terminal: widths in columns, not in characters."""

from __future__ import annotations

import pytest

from mirante.cli.terminal import plain, table, width


def test_wide_letters_count_twice_and_marks_not_at_all():
    text = table(["A", "B"], [["データ", "x"], ["ação", "y"], ["abcdef", "z"]], columns=40)
    assert text.splitlines()[1:] == ["データ  x", "ação    y", "abcdef  z"]
    (line,) = table(["A", "B"], [["a", "データデータデータ"]], columns=14).splitlines()[1:]
    assert line == "a  データデー…"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(columns: int):
    rows = [["x" * 50, "y" * 50, "z" * 500], ["", "", ""]]
    assert (
        max(len(line) for line in table(["ONE", "TWO", "THREE"], rows, columns=columns).splitlines())
        <= columns
    )


def test_nothing_that_a_terminal_obeys_passes():
    assert plain("a\x1b[31mb\r\n\x07\u202e\u2028ção 世界") == "a?[31mb?????ção 世界"


def test_without_a_terminal_nothing_is_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert width() is width(140) is None
    rows = [["a" * 100, "b" * 300], ["c", ""]]
    assert table(["ONE", "TWO"], rows, columns=None).splitlines() == [
        "ONE" + " " * 99 + "TWO",
        "a" * 100 + "  " + "b" * 300,
        "c",
    ]
    monkeypatch.setenv("COLUMNS", "90")
    assert (width(), width(140)) == (90, 140)
