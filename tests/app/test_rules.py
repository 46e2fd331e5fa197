"""Rules that are read again."""

from __future__ import annotations

import os
from pathlib import Path

from mirante.app.rules import RuleFiles
from mirante.app.settings import default_settings, load_settings

CONFIG = "alerts: {default_rules: false, rules: rules.yaml}\n"


def write(path: Path, text: str, age: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(age, age))


def files(folder: Path) -> RuleFiles:
    write(folder / "mirante.yaml", CONFIG, 1)
    write(folder / "rules.yaml", "rules: [{name: a, when: x > 1}]\n", 1)
    return RuleFiles(load_settings(folder / "mirante.yaml", environ={}))


def names(of: RuleFiles) -> list[str] | None:
    rules = of.changed()
    return None if rules is None else [rule.name for rule in rules]


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    of = files(tmp_path)
    assert names(of) is None
    write(tmp_path / "rules.yaml", "rules: [{name: b, when: x > 1}]\n", 2)
    assert (names(of), names(of)) == (["b"], None)
    of.read_again()
    assert (names(of), names(of)) == (["b"], None)


def test_a_broken_file_is_an_error_until_it_is_mended(tmp_path: Path) -> None:
    of = files(tmp_path)
    write(tmp_path / "rules.yaml", "rules: [{name: b, when: x >}]\n", 2)
    assert names(of) is None
    assert "rules.yaml, line 1: rules[0].when: column" in of.error
    assert names(of) is None
    (tmp_path / "rules.yaml").unlink()
    assert names(of) is None
    assert "No such file" in of.error
    write(tmp_path / "rules.yaml", "rules: [{name: c, when: x > 1}]\n", 3)
    assert (names(of), of.error) == (["c"], "")


def test_the_config_may_name_other_rules(tmp_path: Path) -> None:
    of = files(tmp_path)
    write(tmp_path / "other.yaml", "rules: [{name: other, when: x > 1}]\n", 1)
    write(tmp_path / "mirante.yaml", CONFIG.replace("rules.yaml", "other.yaml"), 2)
    assert names(of) == ["other"]
    write(tmp_path / "rules.yaml", "rules: []\n", 5)
    assert names(of) is None
    write(tmp_path / "other.yaml", "rules: [{name: again, when: x > 1}]\n", 2)
    assert names(of) == ["again"]
    write(tmp_path / "mirante.yaml", "alerts: {default_rules: false, rules: 7}\n", 3)
    assert names(of) is None
    assert "mirante.yaml" in of.error


def test_without_a_file_nothing_changes(tmp_path: Path) -> None:
    assert RuleFiles(default_settings(environ={}, folder=tmp_path)).changed() is None


def test_a_config_that_is_written_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch) -> None:
    of = files(tmp_path)
    one = "alerts: {default_rules: false, rules: [{name: NAME, when: x > 1}]}\n"

    def load_slowly(path: Path):
        loaded = load_settings(path, environ={})
        write(path, one.replace("NAME", "late"), 9)
        return loaded

    write(tmp_path / "mirante.yaml", one.replace("NAME", "first"), 2)
    with monkeypatch.context() as patch:
        patch.setattr("mirante.app.rules.load_settings", load_slowly)
        assert names(of) == ["first"]
    assert (names(of), names(of)) == (["late"], None)
