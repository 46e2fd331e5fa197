"""The pictures of the alarm budget are drawn by the script that says so, from real verdicts."""

from pathlib import Path

import numpy as np

from benchmarks import budget_pictures

PAGE = Path(__file__).parents[2] / "docs" / "alarm-budget.md"
NAMES = {"budget-quiet.svg", "budget-power.svg", "budget-pooled.svg"}


def test_each_picture_is_drawn_and_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(budget_pictures, "SIZES", (100,))
    monkeypatch.setattr(budget_pictures, "SHIFTS", (0.0, 0.4))
    monkeypatch.setattr(budget_pictures, "LONGEST", 4)
    budget_pictures.main(["--quick", "--to", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == NAMES
    page = PAGE.read_text(encoding="utf-8")
    for name in NAMES:
        assert f"images/{name}" in page
        assert (PAGE.parent / "images" / name).is_file()
        assert "Mirante" in (tmp_path / name).read_text() or name != "budget-quiet.svg"


def test_a_large_shift_is_seen_at_once_and_none_is_not():
    assert budget_pictures.first_alarms(0.8, 2, longest=2) == [1, 1]
    assert budget_pictures.first_alarms(0.0, 2, longest=2) == [3, 3]
    assert budget_pictures.within([1, 3, 3, 3], 2) == 0.25


def test_any_p_flags_what_the_monitor_does_not():
    rng = np.random.default_rng(0)
    baseline = budget_pictures.table(rng, 5_000)
    monitor = budget_pictures.monitor_of(baseline)
    windows = [budget_pictures.table(rng, 500) for _ in range(20)]
    assert sum(budget_pictures.any_p(baseline, window) for window in windows) > 3
    assert sum(budget_pictures.alarmed(monitor, window) for window in windows) == 0
