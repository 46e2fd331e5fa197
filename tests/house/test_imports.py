"""Importing does nothing, and costs little."""

import ast
import subprocess
import sys

from tests.house.source import PACKAGE, imports_at_top, module_name, python_files, short, tree

PROGRAM = """
import importlib, os, sys, threading
before = dict(os.environ)
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
assert dict(os.environ) == before, "the environment was changed"
assert os.listdir() == [], os.listdir()
heavy = {"mlflow", "sklearn", "plotly", "polars", "pyspark"} & set(sys.modules)
assert not heavy, f"loaded without need: {heavy}"
"""


def _rooms() -> list[str]:
    # Alembic runs these by itself, and they work on the database that it hands over
    return [module_name(path) for path in python_files(PACKAGE) if "migrations" not in path.parts]


def test_importing_every_room_does_nothing(tmp_path):
    names = [name for name in _rooms() if not name.endswith("__main__")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_mlflow_is_never_imported_with_a_module():
    found = [
        f"{short(path)}:{line}"
        for path in python_files(PACKAGE)
        for line, name in imports_at_top(path)
        if name.split(".")[0] == "mlflow"
    ]
    assert found == [], "import mlflow takes two seconds: do it inside the function that needs it"


def test_no_room_goes_through_the_facade():
    found = [
        f"{short(path)}:{node.lineno}"
        for path in python_files(PACKAGE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "mirante"
        and {name.name for name in node.names} != {"__version__"}
    ]
    assert found == [], "import from the file that defines the thing"
