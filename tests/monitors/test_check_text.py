"""The table for a terminal: it fits, what drifted comes first, and no name is obeyed."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from mirante.monitors.check import check

WORDS = ("drifted", "steady", "not judged")


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(1)
    rows = 3000
    base = pd.DataFrame(
        {
            "steady": rng.normal(size=rows),
            "a\x1b[31mred\nline\u202e": rng.integers(0, 5, rows),
            "a_very_long_name_of_a_column_that_nobody_should_ever_write": rng.normal(size=rows),
            "日本語の列名がとても長い場合": rng.normal(size=rows),
            "preço": rng.lognormal(3, 1, rows),
            "place": rng.choice(["a", "b"], rows),
            "gone": 1.0,
            "nothing": np.nan,
            "at": pd.Timestamp("2024-01-01"),
        }
    )
    now = base[:800].drop(columns="gone").assign(new=1)
    now["preço"] *= 1.7
    now["place"] = np.where(np.arange(800) < 300, "x" * 90, now["place"])
    now.loc[now.index < 100, "preço"] = np.nan
    return check(base, now)


def columns_taken(line):
    return sum(
        2 if unicodedata.east_asian_width(one) in "WF" else 0 if unicodedata.combining(one) else 1
        for one in line
    )


@pytest.mark.parametrize("width", [10, 40, 47, 60, 80, 99, 100, 140, 300])
@pytest.mark.parametrize("locale", ["en", "pt_BR"])
def test_no_line_is_longer_than_the_terminal(result, width, locale):
    lines = result.to_text(width, locale=locale).splitlines()
    assert max(map(columns_taken, lines)) <= max(width, 40)
    assert not any(line.endswith(" ") for line in lines)


def test_nothing_is_lost_by_folding(result):
    squeezed = "".join(result.to_text(44).split())
    for name in (
        "a_very_long_name_of_a_column_that_nobody_should_ever_write",
        "日本語の列名がとても長い場合",
    ):
        # the cells beside the name's lines fall in between
        place = 0
        for letter in name:
            place = squeezed.index(letter, place) + 1
    assert "xlevels" not in squeezed


def test_what_drifted_comes_first_and_columns_are_aligned(result):
    lines = result.to_text(140).splitlines()
    head, ruler, *rows = lines[2 : lines.index("", 2)]
    assert head.split() == ["column", "what", "changed", "effect", "p", "rows", "verdict"]
    assert set(ruler) == {"─"}
    verdicts = [
        row[head.index("verdict") :] for row in rows if len(row) == columns_taken(row) and row.endswith(WORDS)
    ]
    assert verdicts[:3] == ["drifted", "drifted", "drifted"]
    assert set(verdicts[3:]) == {"steady", "not judged"}
    assert rows[0].startswith("gone  ")
    effects = [row[: head.index("effect") + len("effect")].split()[-1] for row in rows[:3]]
    assert effects[0] == "–"
    assert float(effects[1]) > float(effects[2]), "the larger effect first"
    wide = next(row for row in rows if row.startswith("日"))
    assert columns_taken(wide[: wide.index("steady")]) == head.index("verdict")


def test_where_it_is_narrow_rows_and_p_make_room(result):
    def head(width):
        return result.to_text(width).splitlines()[2].split()

    assert "rows" in head(80)
    assert "rows" not in head(50)
    assert "p" in head(50)
    assert "p" not in head(40)


def test_rows_are_written_out_where_there_is_room():
    many = check({"x": [1, 2] * 50_000}, {"x": [1, 2] * 6_000})
    assert "100k -> 12k " in many.to_text(80)
    assert "100,000 -> 12,000 " in many.to_text(100)


def test_control_characters_are_written_out(result):
    text = result.to_text(140)
    assert all(one.isprintable() for line in text.splitlines() for one in line)
    assert "a\\x1b[31mred\\nline\\u202e" in text


def test_the_last_sentences_say_what_was_found(result):
    said = " ".join(result.to_text(300).splitlines()[-3:])
    assert "Not in the reference: new. Left out, since time moves on: at." in said
    assert said.endswith(
        "3 of 8 columns drifted: gone, place, preço. "
        "At most 1 % of tables that differ by chance alone are called drifted."
    )
    quiet = check({"x": np.arange(4000.0)}, {"x": np.arange(4000.0)}).to_text(200)
    assert quiet.splitlines()[-1].startswith("No drift in 1 column. In each, a shift of 0.0")
    assert "what changed" not in quiet, "an empty column takes no room"


def test_in_portuguese(result):
    text = result.to_text(200, locale="pt_BR")
    assert "o que mudou" in text
    assert "3 de 8 colunas com drift: gone, place, preço." in text


def test_many_columns_are_cut_short():
    base = {f"c{number:03}": np.arange(400.0) for number in range(130)}
    moved = {name: values + 500 * (number % 10 == 0) for number, (name, values) in enumerate(base.items())}
    text = check(base, moved).to_text(100)
    lines = text.splitlines()
    assert sum(line.endswith("drifted") for line in lines) == 13
    assert sum(line.endswith("steady") for line in lines) == 40
    assert "… and 77 more columns without drift" in lines
    assert "13 of 130 columns drifted: c000, c010, c020, c030, c040, c050 and 7 more." in text
    assert str(check(base, base)) == check(base, base).to_text(100)
