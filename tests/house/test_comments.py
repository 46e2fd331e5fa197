"""A rule that is switched off names the rule and the reason."""

import re

import pytest

from tests.house.source import comments, python_files, short

MARKS = (
    re.compile(r"#\s*(?:ruff:\s*)?noqa(?P<code>:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*)?(?P<rest>.*)"),
    re.compile(r"#\s*type:\s*ignore(?P<code>\[[a-z-]+(?:,\s*[a-z-]+)*\])?(?P<rest>.*)"),
    re.compile(r"#\s*(?P<code>pragma:\s*no (?:cover|branch))(?P<rest>.*)"),
)


def fault(comment: str) -> str | None:
    """Say what a switching-off comment lacks."""
    for mark in MARKS:
        if (match := mark.search(comment)) is None:
            continue
        if not match["code"]:
            return "names no rule"
        if len(re.findall(r"\w", re.sub(r"#\s*(noqa|type:).*", "", match["rest"].lstrip(" -–:#")))) < 3:
            return "gives no reason"
    return None


def test_whoever_switches_a_rule_off_says_why():
    wrong = [
        f"{short(path)}:{line} {problem}: {comment}"
        for path in python_files()
        for line, comment in comments(path)
        if (problem := fault(comment))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("comment", "problem"),
    [
        ("# noqa", "names no rule"),
        ("# noqa: S101", "gives no reason"),
        ("# noqa: S101 - the value comes from us", None),
        ("# type: ignore", "names no rule"),
        ("# type: ignore[arg-type]", "gives no reason"),
        ("# type: ignore[arg-type]  # the stubs lack str", None),
        ("# pragma: no cover", "gives no reason"),
        ("# a plain comment", None),
    ],
)
def test_the_check_itself(comment: str, problem: str | None):
    assert fault(comment) == problem
