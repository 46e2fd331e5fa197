"""A test file of the same name for every module that has code."""

import ast
from pathlib import Path

from tests.house.source import PACKAGE, ROOT, Function, python_files, short, tree

TESTS = ROOT / "tests"

# Where a module has no test file of its own, with the reason.
EXCEPTIONS = {
    "__main__.py": "calls the command line, which is tested",
}


def _candidates(path: Path) -> list[Path]:
    """Return where a module's tests may be: beside their folder's, or in one file for the folder."""
    inside = path.relative_to(PACKAGE)
    folder, name = inside.parent, inside.stem.strip("_")
    places = [TESTS / folder / f"test_{name}.py"]
    if len(folder.parts) > 1:  # views/figures/metrics.py: a module that became a folder
        places += [
            TESTS / folder.parent / f"test_{folder.name}.py",
            TESTS / folder.parent / f"test_{folder.name}_{name}.py",
        ]
    return places


def test_every_module_has_its_tests():
    alone = []
    for path in python_files(PACKAGE):
        inside = path.relative_to(PACKAGE).as_posix()
        has_code = any(isinstance(node, Function | ast.ClassDef) for node in tree(path).body)
        if not has_code or path.name == "__init__.py" or inside in EXCEPTIONS or "migrations" in path.parts:
            continue
        if not any(place.exists() for place in _candidates(path)):
            alone.append(f"{short(path)}: write {short(_candidates(path)[0])}")
    assert alone == []


def test_exceptions_are_still_there():
    assert [name for name in EXCEPTIONS if not (PACKAGE / name).exists()] == []


def test_every_folder_of_tests_is_a_package():
    folders = {path.parent for path in python_files(TESTS)}
    bare = sorted(short(folder) for folder in folders if not (folder / "__init__.py").exists())
    assert bare == [], "two test files of the same name need packages around them: add __init__.py"
