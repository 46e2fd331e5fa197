"""The commands of who looks after the database; what they do is tested with the store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from mirante.cli import main
from mirante.store import Store
from mirante.store.database import Database
from mirante.store.migrate import migrate
from mirante.store.schema import HEAD, VERSION_TABLE
from tests.store.filled import contents, fill

Run = Callable[..., Result]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'mirante.db'}"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    path = tmp_path / "mirante.yaml"
    path.write_text("mlflow: {enabled: false}\n", encoding="utf-8")

    def invoke(*arguments: str, config: Path = path) -> Result:
        return CliRunner().invoke(main, ["store", *arguments, "-c", str(config)])

    return invoke


@pytest.mark.parametrize("command", ["info", "upgrade", "vacuum", "backup"])
def test_to_look_at_a_store_makes_none(run: Run, tmp_path: Path, command: str) -> None:
    done = run(command, *([str(tmp_path / "a.backup")] if command == "backup" else []))
    assert (done.exit_code, "there is no store at" in done.output) == (2, True)
    assert not (tmp_path / "mirante.db").exists()


def test_info_shows_schema_size_and_rows(run: Run, url: str) -> None:
    with Store(url) as store:
        fill(store)
    shown = run("info").output
    assert f"schema {HEAD}, the present one" in shown
    assert "5  mirante_readings" in shown
    assert " MB" in shown


def test_upgrade_says_whether_it_is_needed_then_does_it_once(run: Run, url: str) -> None:
    with closing(Database(url)) as database, database.transaction() as connection:
        migrate(connection, None, "old", to="0005")
    assert f"schema 0005, this Mirante has {HEAD}" in run("info").output
    asked = run("upgrade", "--check")
    assert (asked.exit_code, f"behind {HEAD}" in asked.output) == (1, True)
    done = run("upgrade")
    assert (done.exit_code, f"from the schema 0005 to {HEAD}" in done.output) == (0, True)
    for arguments in (["upgrade"], ["upgrade", "--check"]):
        again = run(*arguments)
        assert (again.exit_code, "nothing to do" in again.output) == (0, True)


def test_an_upgrade_of_a_database_without_a_store_says_so(run: Run, url: str) -> None:
    with closing(Database(url)) as database, database.transaction() as connection:
        connection.execute(text("CREATE TABLE others (a INTEGER)"))
    asked = run("upgrade", "--check")
    assert (asked.exit_code, "has no tables of Mirante, " in asked.output) == (1, True)
    assert f"done, from no tables of Mirante to {HEAD}" in run("upgrade").output


def test_upgrade_ends_with_2_where_the_store_is_newer(run: Run, url: str) -> None:
    Store(url).close()
    with closing(Database(url)) as database, database.transaction() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    for arguments in (["upgrade"], ["upgrade", "--check"]):
        done = run(*arguments)
        assert (done.exit_code, "of a newer Mirante" in done.output) == (2, True)
    assert "schema 9999, this Mirante has" in run("info").output


def test_vacuum_says_before_and_after(run: Run, url: str) -> None:
    Store(url).close()
    assert " MB before, " in run("vacuum").output


def test_a_backup_is_restored_into_another_store(run: Run, url: str, tmp_path: Path) -> None:
    with Store(url) as store:
        fill(store)
    path = tmp_path / "a.backup"
    made = run("backup", str(path))
    assert made.exit_code == 0
    assert f"wrote {path}: " in made.output
    other = tmp_path / "other.yaml"
    other.write_text("store: sqlite:///other.db\n", encoding="utf-8")
    checked = run("restore", str(path), "--check", config=other)
    assert "5  mirante_readings" in checked.output
    assert not (tmp_path / "other.db").exists()
    done = run("restore", str(path), config=other)
    assert f"restored {path} into sqlite:///{tmp_path}/other.db\n" in done.output
    assert contents(f"sqlite:///{tmp_path}/other.db") == contents(url)
    again = run("restore", str(path), config=other)
    assert (again.exit_code, "--force" in again.output) == (1, True)
    assert run("restore", str(path), "--force", config=other).exit_code == 0


def test_a_backup_into_a_folder_that_is_not_there_makes_no_file_of_its_name(tmp_path):
    config = tmp_path / "mirante.yaml"
    config.write_text(f"store: sqlite:///{tmp_path / 'mirante.db'}\n")
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}"):
        pass
    command = ["store", "backup", f"{tmp_path}/nightly/", "-c", str(config)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert f"there is no folder {tmp_path}/nightly/; make it first" in done.stderr
    (tmp_path / "nightly").mkdir()
    assert CliRunner().invoke(main, command).exit_code == 0
    assert len(list((tmp_path / "nightly").iterdir())) == 1
