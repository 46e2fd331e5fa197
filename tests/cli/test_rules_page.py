"""docs/rules.md shows what the commands say."""

import re
from pathlib import Path

from click.testing import CliRunner

from mirante.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
RULES, TESTS, EXPORTED = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def said(tmp_path, monkeypatch, *arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "tests.yaml").write_text(TESTS)
    return CliRunner().invoke(main, ["rules", *arguments]).output


def test_check(tmp_path, monkeypatch):
    assert (
        f"$ mirante rules check rules.yaml\n{said(tmp_path, monkeypatch, 'check', 'rules.yaml')}```" in PAGE
    )


def test_test(tmp_path, monkeypatch):
    shown = said(tmp_path, monkeypatch, "test", "tests.yaml").rstrip("\n")
    assert f"$ mirante rules test tests.yaml\n{shown}\n```" in PAGE


def test_export(tmp_path, monkeypatch):
    assert said(tmp_path, monkeypatch, "export", "rules.yaml").strip() == EXPORTED.strip()
