"""Slices of windows as lines, and their heat map in the dashboard file."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.store import SliceWindowRow, Store, WindowRow
from mirante.views.dashboard.whole import write_dashboard
from mirante.views.slices import slice_lines

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECT = "model/m@champion"


def row(day, value, effect, drifted=0):
    start = FIRST + day * DAY
    return SliceWindowRow(
        SUBJECT, "1", "plan", value, start, start + DAY, 9, True, f"plan={value}", 3, drifted, "age", effect
    )


def test_each_slice_is_a_line_of_its_own_windows():
    effects, verdicts = slice_lines([row(0, "a", 0.1), row(0, "<b>", math.nan), row(2, "a", 0.4, 2)])
    assert [one.labels["slice"] for one in effects] == ["plan=a", "plan=<b>"]
    assert effects[0].values.tolist() == [0.1, 0.4]
    assert verdicts[0].values.tolist() == [0.0, 1.0]
    assert verdicts[0].notes == ["age", "age"]
    assert math.isnan(effects[1].values[0])
    assert slice_lines([]) == ([], [])


def test_the_dashboard_file_has_their_heat_map_and_is_without_it_where_there_are_none(tmp_path):
    labels = {"model": "m", "alias": "champion", "version": "1"}
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        store.readings.write([Reading("predictions", 9, FIRST + day * DAY, labels) for day in range(3)])
        for day in range(3):
            start = FIRST + day * DAY
            store.windows.put(WindowRow(SUBJECT, "1", start, start + DAY, 9, closed=True))
        none = write_dashboard(store, tmp_path / "none.html").read_text(encoding="utf-8")
        assert "Drift: slices by windows" not in none
        store.slice_windows.put(
            [row(day, value, 0.2, day) for day in range(3) for value in ("a", "</script>")]
        )
        html = write_dashboard(store, tmp_path / "some.html").read_text(encoding="utf-8")
    assert "Drift: slices by windows" in html
    assert "plan=a" in html
    assert "plan=</script>" not in html
