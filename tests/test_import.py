"""``import mirante`` is cheap, and every public name is found when it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mirante

HEAVY = ("numpy", "scipy", "pandas", "pyarrow", "sklearn", "mlflow", "sqlalchemy", "plotly", "fastapi")
STATEMENTS = ("import mirante", "from mirante import Reading", "import mirante.i18n")
LOADED = "import sys, mirante\nprint(*sorted(m for m in sys.modules if m.startswith('mirante')))"


def _fresh(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_fresh_interpreter_loads_nothing_heavy(statement):
    loaded = _fresh(f"{statement}\nimport sys\nprint(' '.join(m for m in {HEAVY} if m in sys.modules))")
    assert loaded == ""


def test_import_loads_the_facade_only():
    assert _fresh(LOADED) == "mirante"


@pytest.mark.parametrize("name", mirante.__all__)
def test_every_public_name_is_there(name):
    value = getattr(mirante, name)
    assert getattr(value, "__name__", name) in (name, "__version__")
    assert getattr(mirante, name) is value


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Drift'"):
        mirante.Drift  # noqa: B018 - the access is what is tested


def test_dir_lists_the_public_names():
    assert dir(mirante) == sorted(mirante.__all__)


def test_type_checkers_see_what_is_loaded_later():
    tree = ast.parse(Path(mirante.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        name.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    homes = vars(mirante)["_HOMES"]
    assert seen == homes
    assert sorted([*homes, "__version__"]) == sorted(mirante.__all__)
