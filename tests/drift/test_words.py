"""Sentences for people."""

from dataclasses import replace

import pytest

from mirante.drift.verdicts import Finding
from mirante.drift.words import drift_sentence, missing_sentence

ROWS = "977 rows against 26,483."
STEADY = "d is steady: KS distance 0.50 (limit 0.35)"
KS = Finding("ks", 0.498, 0.351, 1e-9, 0.498, 0.351, 0.07, "median 2 -> 31")


@pytest.mark.parametrize(
    ("finding", "drifted", "expected"),
    [
        (
            KS,
            True,
            f"d moved: KS distance 0.50 (limit 0.35), median 2 -> 31, p 1e-09; {ROWS}",
        ),
        (KS, False, f"d is steady: KS distance 0.50 (limit 0.35); {ROWS}"),
        (
            replace(KS, threshold=1.11),
            False,
            f"d is steady: KS distance 0.50 (limit above 1, which no distance is); {ROWS}",
        ),
        (
            replace(KS, smallest_effect=0.07),
            False,
            f"{STEADY}; too few rows to see less than 0.07; {ROWS}",
        ),
        (
            replace(KS, smallest_effect=1.7, resolution=1.7),
            False,
            f"{STEADY}; too few rows to see any shift; {ROWS}",
        ),
        (
            replace(
                KS, score="share", value=0.26, threshold=0.22, subject="UA", direction="UA: 18 % -> 26 %"
            ),
            True,
            f"d moved: share of UA 26 % (limit 22 %), UA: 18 % -> 26 %, p 1e-09; {ROWS}",
        ),
        (
            replace(KS, score="superiority", value=0.63, threshold=0.58),
            True,
            "d moved: in 63 % of pairs its value is larger than the baseline's (limit 58 %), median 2 -> 31, "
            f"p 1e-09; {ROWS}",
        ),
        (
            replace(KS, score="chi2", value=85.2, threshold=43.1),
            True,
            f"d moved: chi-squared 85.2 (limit 43.1), median 2 -> 31, p 1e-09; {ROWS}",
        ),
    ],
)
def test_drift(finding, drifted, expected):
    assert drift_sentence("d", finding, drifted=drifted, floor=0.03, rows=(977, 26_483)) == expected


def test_nothing_to_compare():
    text = drift_sentence("d", KS, drifted=False, floor=0.03, rows=(0, 100))
    assert text == "d cannot be judged: the window has no values (0 rows against 100)."
    assert "the baseline has no values" in drift_sentence("d", KS, drifted=False, floor=0.03, rows=(5, 0))


def test_a_pool_says_over_how_many_windows():
    pooled = replace(KS, scale=6)
    text = drift_sentence("d", pooled, drifted=True, floor=0.03, rows=(5_900, 26_483))
    counted = "5,900 rows against 26,483."
    assert text == f"d moved over the last 6 windows: KS distance 0.50 (limit 0.35), p 1e-09; {counted}"


def test_missing():
    assert missing_sentence("d", 0.508, 0.019, 0.16, 2e-10, detected=True, rows=930, unreadable=3) == (
        "d: missing values rose to 51 % (limit 16 %, 1.9 % in the baseline), p 2e-10; 930 rows; "
        "3 values are no number."
    )
    assert (
        missing_sentence("d", 0.01, 0.019, 0.16, 0.5, detected=False, rows=930)
        == "d: 1.0 % missing (limit 16 %, 1.9 % in the baseline); 930 rows."
    )
    assert "cannot be judged" in missing_sentence("d", float("nan"), 0.019, 0.16, 0.5, detected=False, rows=0)


def test_portuguese() -> None:
    moved = drift_sentence("d", KS, drifted=True, floor=0.03, rows=(977, 26_483), locale="pt_BR")
    assert moved.startswith("d mudou: distância KS 0,")
    assert moved.endswith("; 977 linhas contra 26.483.")
    missing = missing_sentence(
        "d", 0.508, 0.019, 0.16, 2e-10, detected=True, rows=1_930, unreadable=3, locale="pt_BR"
    )
    assert missing == (
        "d: os valores ausentes subiram para 51 % (limite 16 %, 1,9 % na referência), p 2e-10; "
        "1.930 linhas; 3 valores não são números."
    )
    fell = missing_sentence("d", 0.01, 0.3, 0.2, 0.001, detected=True, rows=9, locale="pt_BR")
    assert "caíram para 1,0 %" in fell


def test_a_name_with_a_placeholder_in_it_is_a_name() -> None:
    text = drift_sentence("%(why)s", KS, drifted=True, floor=0.03, rows=(977, 26_483))
    assert text.startswith("%(why)s moved: KS distance")


@pytest.mark.parametrize(
    ("score", "value", "limit", "told"),
    [
        ("ks", 0.0634, 0.0551, "KS distance 0.063 (limit 0.055)"),
        ("ks", 0.0502, 0.04999, "KS distance 0.0502 (limit 0.0500)"),
        ("ks", 0.05, 0.05, "KS distance 0.05 (limit 0.05)"),
        ("tv", 0.104, 0.1, "total variation 0.104 (limit 0.100)"),
        ("share", 0.2634, 0.2612, "share of UA 26.3 % (limit 26.1 %)"),
        ("superiority", 0.5812, 0.5791, "value is larger than the baseline's (limit 57.9 %)"),
        ("chi2", 43.13, 43.11, "chi-squared 43.13 (limit 43.11)"),
        ("chi2", 1204.4, 1204.1, "chi-squared 1,204.4 (limit 1,204.1)"),
        ("chi2", float("nan"), float("nan"), "chi-squared unknown (limit unknown)"),
    ],
)
def test_a_value_and_its_limit_are_told_apart(score, value, limit, told):
    finding = replace(KS, score=score, value=value, threshold=limit, subject="UA")
    assert told in drift_sentence("d", finding, drifted=True, floor=0.03, rows=(977, 26_483))


def test_a_tie_is_told_apart_in_portuguese_too():
    finding = replace(KS, value=0.0634, threshold=0.0616)
    said = drift_sentence("d", finding, drifted=True, floor=0.03, rows=(977, 26_483), locale="pt_BR")
    assert "0,063 (limite 0,062)" in said
    said = missing_sentence("d", 0.0524, 0.0, 0.0521, 1e-9, detected=True, rows=977, locale="pt_BR")
    assert "5,24 %" in said
    assert "5,21 %" in said
