"""What is known of a config before it is checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mirante.app.config_file import find_config, store_file_of
from mirante.app.settings import load_settings


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "mirante.db"),
        ("host: {enabled: false}\n", "mirante.db"),
        ("store: sqlite:///kept/a b.db\n", "kept/a b.db"),
        ("store: sqlite:////srv/m.db\n", "/srv/m.db"),
        ("store: postgresql://ana@db/m\n", None),
    ],
)
def test_the_store_is_the_one_of_the_settings(tmp_path: Path, text: str, name: str | None) -> None:
    config = tmp_path / "mirante.yaml"
    (tmp_path / "kept").mkdir()
    config.write_text(text)
    found = store_file_of(config)
    assert found == (None if name is None else tmp_path / name)
    if name != "/srv/m.db":  # whose folder is not there
        assert found == load_settings(config, environ={}).store_file


@pytest.mark.parametrize("text", ["store: 7\n", "store: [\n", "- a\n"])
def test_what_is_wrong_is_told_by_the_settings(tmp_path: Path, text: str) -> None:
    config = tmp_path / "mirante.yaml"
    config.write_text(text)
    assert store_file_of(config) in (None, tmp_path / "mirante.db")
    assert store_file_of(tmp_path / "missing.yaml") is None


def test_the_config_of_the_folder(tmp_path: Path) -> None:
    assert find_config(None, tmp_path) is None
    (tmp_path / "mirante.yaml").touch()
    assert find_config(None, tmp_path) == tmp_path / "mirante.yaml"


def test_it_is_known_without_what_a_service_imports() -> None:
    code = (
        "import sys, mirante.app.config_file, mirante.app.lockfile, mirante.cli; "
        "print([m for m in ('numpy', 'sqlalchemy', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
