import json

import pytest
from click.testing import CliRunner

from mirante.cli import main
from tests.app.backfill.conftest import daily_baseline, world  # noqa: F401 - fixtures

pytestmark = pytest.mark.server


def run(world, *arguments):  # noqa: F811 - a fixture's value
    path = world.settings.file
    return CliRunner().invoke(main, ["backfill", world.name, *arguments, "-c", str(path)])


def test_it_says_what_was_done(world):  # noqa: F811 - a fixture's value
    world.record(*range(3), count=200)
    world.record(3, 4, count=200, shift=15.0)
    done = run(world, "--from", "2026-01-01", "--to", "2026-01-06T00:00:00Z")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        f"backfilled {world.subject}, version 1, 2026-01-01 00:00 to 2026-01-06 00:00 (UTC) in "
    )
    assert lines[1].startswith("windows: 5 were written, ")
    assert "1,000 rows" in lines[1]
    assert "feature_drift" in done.stdout
    assert "marked as replayed, and nobody was told" in done.stdout
    assert "\x1b" not in done.output
    again = run(world, "--from", "2026-01-01", "--to", "2026-01-06")
    assert "5 were there from an earlier backfill" in again.stdout


def test_json_is_all_there_is_on_standard_output(world):  # noqa: F811 - a fixture's value
    world.record(*range(3), count=200)
    done = run(world, "--from", "2026-01-01", "--to", "2026-01-04", "--version", "1", "--replace", "--json")
    told = json.loads(done.stdout)
    assert (told["windows"], told["rows"], told["from"]) == (3, 600, "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--from", "2026-02-01", "--to", "2026-01-01"), 2, "is not before"),
        (("--from", "soon", "--to", "2026-01-01"), 2, "--from is 'soon'; give a date"),
        (("--from", "2026-01-01", "--to", "2026-01-05"), 2, "it has no row of this model"),
        (("--from", "2026-01-01", "--to", "2026-01-05", "--version", "9"), 2, "its newest version is 1"),
    ],
)
def test_what_is_wrong_is_a_sentence(world, arguments, code, said):  # noqa: F811 - a fixture's value
    done = run(world, *arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.output
