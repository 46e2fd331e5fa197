from datetime import UTC, date, datetime, timedelta

import pytest

from mirante.app.backfill.planning import plan_backfill
from mirante.app.settings import Settings
from mirante.errors import InputError, TrackingError
from mirante.inference_log import InferenceLog
from mirante.monitors.windows import Window

from .conftest import DAY, FIRST, HOUR, START

pytestmark = pytest.mark.server


def plan(world, since=FIRST, until=FIRST + timedelta(days=9), *, model=None, version=None, now=100 * DAY):
    name = world.name if model is None else model
    with world.store() as store:
        return plan_backfill(world.settings, store, name, since, until, version=version, now=START + now)


def test_it_goes_from_the_first_row_to_the_last(world):
    world.record(2, 5)
    found = plan(world, date(2025, 1, 1))
    assert (found.start, found.end, found.rows) == (START + 2 * DAY, START + 6 * DAY, 120)
    assert len(found.windows) == 4
    assert (found.version, found.current) == (world.version, True)
    names = (f"{world.name}@champion", world.subject)
    assert [plan(world, model=name).windows for name in names] == [found.windows] * 2
    assert plan(world, date(1, 1, 1), date(9999, 12, 31)).windows == found.windows


def test_only_whole_windows_that_are_over(world):
    world.record(*range(4))
    half = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert plan(world, half).start == START + DAY
    assert plan(world, until=half + 2 * DAY).end == START + 2 * DAY
    assert plan(world, now=3 * DAY).end == START + 2 * DAY  # late rows are waited for an hour
    assert plan(world, now=3 * DAY + HOUR).end == START + 3 * DAY
    with pytest.raises(InputError, match=r"no whole window of 1d .* ends 2026-01-02 00:00:00 UTC"):
        plan(world, half, half + DAY)


def test_days_are_those_of_the_monitor(world):
    world.more = ", timezone: America/Sao_Paulo"
    world.record(*range(4))
    found = plan(world, until=FIRST + timedelta(days=2))
    assert found.windows == (
        Window(START + 3 * HOUR, START + 27 * HOUR),
        Window(START + 27 * HOUR, START + 51 * HOUR),
    )


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (FIRST + timedelta(days=3), FIRST, "--from 2026-01-04 is not before --to 2026-01-01"),
        (FIRST, FIRST, "is not before"),
        (date(2030, 1, 1), date(2031, 1, 1), "is in the future"),
        (date(2025, 1, 1), date(2025, 2, 1), r"has no row of .* it has version 1 from 2026-01-01 00:"),
    ],
)
def test_what_cannot_be_says_what_to_do(world, since, until, said):
    world.record(0)
    with pytest.raises(InputError, match=said):
        plan(world, since, until)


def test_an_empty_log_says_so(world):
    with pytest.raises(InputError, match="it has no row of this model"):
        plan(world)


def test_models_and_versions_that_are_not_there(world):
    world.record(0)
    with pytest.raises(TrackingError, match="has no version '77'"):
        plan(world, version="77")
    with pytest.raises(InputError, match=f"no model 'x<script>'; it has {world.name}@champion"):
        plan(world, model="x<script>")
    from tests.monitors.registry import register

    register(world.client, world.name)
    with pytest.raises(TrackingError, match="baseline"):
        plan(world)  # the new version has none
    assert plan(world, version=world.version).current is False


def test_a_model_that_would_be_discovered(world):
    world.record(0)
    (world.folder / "log").rename(world.folder / "inference-log")
    settings = Settings(discover=True, mlflow={"tracking_uri": world.uri}).within(world.folder, {})
    with world.store() as store:
        found = plan_backfill(
            settings, store, world.name, FIRST, date(2026, 1, 2), version=None, now=START + 9 * DAY
        )
    assert (found.config.window, found.config.alias, found.rows) == ("1d", "champion", 60)


def test_a_name_that_is_several(world):
    settings = world.settings
    both = settings.models[0].model_copy(update={"alias": "challenger"})
    settings = settings.model_copy(update={"models": (*settings.models, both)})
    with world.store() as store, pytest.raises(InputError, match="several of the models"):
        plan_backfill(settings, store, world.name, FIRST, date(2026, 1, 2), version=None, now=START + 9 * DAY)


def test_rows_that_are_archived_and_columns_that_are_chosen(world):
    world.record(*range(3))
    world.more = f', archive: "file://{world.folder}/archive", columns: {{exclude: [age]}}'
    config = world.settings.models[0]
    log = InferenceLog(config.log, config.archive_address())
    assert log.move(world.name, datetime.now(UTC) + 9 * DAY).segments
    found = plan(world)
    assert found.rows == 180
    assert "age" not in found.baseline.profile.columns
