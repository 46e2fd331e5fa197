"""Words that have no place in the code."""

import re

from tests.house.source import PACKAGE, python_files, short, text_files

# written in two parts, so that this file does not find itself
LEFT_OPEN = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
NO_MODULE = {"legacy", "utils", "util", "misc"}


def test_nothing_is_left_open_in_the_text():
    found = [
        f"{short(path)}:{number} {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LEFT_OPEN.search(line)
    ]
    assert found == [], "do it, or file an issue"


def test_modules_are_named_after_what_they_do():
    assert [short(path) for path in python_files() if {path.stem, path.parent.name} & NO_MODULE] == []


def test_the_package_is_all_in_text():
    odd = [short(path) for path in PACKAGE.rglob("*") if path.suffix in {".pkl", ".pickle", ".joblib"}]
    assert odd == [], "pickles run code when they are read"
