"""Small enough to see: functions and files have a length that CI allows."""

from pathlib import Path

from tests.house.source import PACKAGE, code_lines, functions, python_files, short, tree

FUNCTION_LINES = 60
FILE_LINES = 500


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{short(path)}:{node.lineno} {node.name} has {count} lines of code"
        for path in python_files(PACKAGE)
        for node in functions(path)
        if (count := code_lines(path, node)) > FUNCTION_LINES
    ]
    assert long == [], f"cut functions of more than {FUNCTION_LINES} lines into parts with names"


def test_no_file_is_too_long():
    long = [
        f"{short(path)} has {count} lines"
        for path in python_files()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES
    ]
    assert long == [], "a long module becomes a folder of the same name"


def test_docstrings_blank_lines_and_comments_are_not_counted(tmp_path: Path):
    path = tmp_path / "sample.py"
    path.write_text(
        'def f(\n    a,\n):\n    """Claim.\n\n    More.\n    """\n\n    # why\n    b = a\n    return b\n'
    )
    (function,) = tree(path).body
    assert code_lines(path, function) == 5, "three lines of signature and two of body"
