"""The simulation of false alarms and power: its columns, its counting, a run of each kind."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.alarms import runs, subject
from benchmarks.alarms.__main__ import chosen_cells, main, options_of
from benchmarks.alarms.cells import Bar, Cell, plan
from benchmarks.alarms.columns import (
    COLUMNS,
    HEAVY,
    MIXED,
    NAMES,
    NUMERIC,
    draw,
    draw_windows,
    lookup_table,
)
from benchmarks.alarms.figures import Figure, figures_of, holds
from benchmarks.alarms.runs import RUNS, run
from benchmarks.alarms.subject import QUIET, Outcome, Subject
from benchmarks.alarms.tables import Result, as_json, as_markdown

ROWS = 200_000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def share(values, value) -> float:
    return float(np.mean(np.asarray(values) == value))


def codes(table, name):
    return table[name].indices.to_numpy()


def outcome(**counts: tuple[int, int]) -> Outcome:
    return Outcome(counts={name: list(pair) for name, pair in counts.items()})


def cell(run_name: str = "quiet", *bars: Bar) -> Cell:
    return Cell(run_name, 500, 5_000, 0.0, 2, 3, 2, bars)


def test_columns_have_the_atoms_and_levels_that_they_are_named_after(rng):
    table = draw(rng, ROWS)
    assert table.num_rows == ROWS
    assert table.schema.names == list(NAMES)
    for name, atom, expected in (
        ("zeros_40", 0, 0.4),
        ("zeros_80", 0, 0.8),
        ("zeros_95", 0, 0.95),
        ("flag", 1, 0.02),
        ("coin", 1, 0.5),
        ("grades", 3, 0.4),
        ("poisson", 0, math.exp(-1)),
    ):
        assert share(table[name].to_numpy(), atom) == pytest.approx(expected, abs=0.006), name
    assert share(codes(table, "plan"), 0) == pytest.approx(0.3, abs=0.006)
    assert share(codes(table, "product"), 0) == pytest.approx(0.615, abs=0.006)
    assert table["product"].dictionary[49].as_py() == "product 50"
    assert len(set(table["normal"].to_numpy())) > 0.98 * ROWS, "no atoms where none are meant"


def test_heavy_columns_are_those_with_more_than_four_rows_in_five_alike(rng):
    table = draw(rng, ROWS)
    most = {
        name: max(count.as_py() for count in table[name].value_counts().field(1)) / ROWS for name in NAMES
    }
    assert {name for name, largest in most.items() if largest > 0.79} == HEAVY


def test_a_shift_moves_every_column_by_the_latent(rng):
    shifts = np.zeros((2, len(NAMES)))
    shifts[1] = 0.5
    table = draw(rng, ROWS, windows=2, shifts=shifts)
    before, after = table.slice(0, ROWS), table.slice(ROWS)
    assert np.mean(before["normal"].to_numpy()) == pytest.approx(0, abs=0.02)
    assert np.mean(after["normal"].to_numpy()) == pytest.approx(0.5, abs=0.02)
    # P(z + 0.5 < quantile at 0.8) = Phi(0.8416 - 0.5)
    assert share(after["zeros_80"].to_numpy(), 0) == pytest.approx(0.634, abs=0.006)
    assert share(codes(after, "plan"), 0) == pytest.approx(0.153, abs=0.006)


def test_rho_is_the_correlation_of_any_two_latents(rng):
    table = draw(rng, ROWS, rho=0.8)
    normal = [table[name].to_numpy() for name in ("normal", "normal_wide")]
    assert np.corrcoef(*normal)[0, 1] == pytest.approx(0.8, abs=0.01)
    assert np.std(normal[0]) == pytest.approx(1, abs=0.01)
    independent = draw(rng, ROWS)
    assert abs(np.corrcoef(independent["normal"], independent["normal_wide"])[0, 1]) < 0.01


def test_a_mix_changes_the_levels_of_one_column_only(rng):
    table = draw(rng, ROWS, shares=MIXED["mix_10_to_20"])
    assert [share(codes(table, "plan"), level) for level in range(5)] == pytest.approx(
        [0.2, 0.25, 0.2, 0.15, 0.2], abs=0.006
    )
    assert share(codes(table, "region"), 0) == pytest.approx(1 / sum(1 / k for k in range(1, 11)), abs=0.006)


def test_windows_of_a_block_are_the_rows_of_the_block():
    shifts = np.zeros((3, len(NAMES)))
    shifts[2] = 3.0
    whole = draw(np.random.default_rng(1), 200, windows=3, rho=0.8, shifts=shifts)
    parts = list(draw_windows(np.random.default_rng(1), 200, 3, rho=0.8, shifts=shifts))
    assert [part.num_rows for part in parts] == [200, 200, 200]
    assert all(part.equals(whole.slice(200 * place, 200)) for place, part in enumerate(parts))


def test_windows_of_many_blocks_have_their_own_shifts(rng):
    shifts = np.repeat(np.arange(5.0)[:, np.newaxis] * 4, len(NAMES), axis=1)
    parts = draw_windows(rng, 25_000, 5, shifts=shifts)  # two in a block
    means = [part["normal"].to_numpy().mean() for part in parts]
    assert means == pytest.approx([0, 4, 8, 12, 16], abs=0.05)


def test_a_lookup_table_keeps_shares_and_order():
    table = lookup_table((0.5, 0.5), (10, 20))
    assert table.tolist() == [10] * 4096 + [20] * 4096


def test_days_of_the_baseline_differ_where_they_should_and_are_its_own_windows(rng):
    sd = np.zeros(len(NAMES))
    sd[0] = 1.0
    one = Subject(rng, rows=500, baseline_rows=3_000, day_sd=sd)
    days = one.own_windows
    assert [day.rows for day in days] == [500] * 6
    assert sum(days[1:], days[0]) == one.baseline
    means = {name: np.std([day.columns[name].mean for day in days]) for name in ("normal", "lognormal")}
    assert means["normal"] > 0.3
    assert means["lognormal"] < 0.3


class Scripted:
    """A monitor that alarms at the windows whose numbers are given."""

    def __init__(self, *alarms: int) -> None:
        self.alarms, self.seen = alarms, 0

    def update(self, window):
        self.seen += 1
        drifted = self.seen in self.alarms
        return SimpleNamespace(drifted=drifted, drifted_columns=("age",) if drifted else ())


@pytest.mark.parametrize(("alarms", "first"), [((QUIET + 3, QUIET + 4), 3), ((5,), 0), ((), 0)])
def test_the_first_alarm_is_counted_from_the_shift_on(rng, monkeypatch, alarms, first):
    one = Subject(rng, rows=100, baseline_rows=100)
    monkeypatch.setattr(one, "monitor", lambda own: Scripted(*alarms))
    assert one.first_alarm(range(40), range(8)) == first


def test_alarms_of_quiet_windows_are_counted_by_column(rng, monkeypatch):
    one = Subject(rng, rows=100, baseline_rows=100)
    monkeypatch.setattr(one, "monitor", lambda own: Scripted(2, 3))
    one.count_alarms("alarms", range(5))
    assert one.outcome.counts == {"alarms": [2, 5]}
    assert one.outcome.columns == {"age": 2}


def test_figures_have_errors_over_baselines():
    figures = figures_of(
        cell(), [outcome(alarms=(0, 100)), outcome(alarms=(4, 100)), outcome(alarms=(2, 100))]
    )
    assert figures["alarms"] == Figure(
        share=0.02,
        error=pytest.approx(0.02 / math.sqrt(3)),
        above=pytest.approx(2 / 3),
        worst=0.04,
        trials=300,
        baselines=3,
    )


def test_figures_over_unequal_numbers_of_trials():
    figures = figures_of(cell(), [outcome(found=(1, 1)), outcome(found=(2, 3)), Outcome()])
    assert figures["found"].share == 0.75
    assert figures["found"].trials == 4
    assert figures["found"].error == pytest.approx(math.sqrt((0.25**2 + 0.25**2) * 3 / 2) / 4)


def test_a_difference_is_taken_baseline_by_baseline():
    bar = Bar("found_own_minus_plain", ">=", 0.0, errors=2.0)
    pairs = [outcome(found_own=(8, 10), found_plain=(9, 10)), outcome(found_own=(5, 10), found_plain=(6, 10))]
    figure = figures_of(cell("same_days", bar), pairs)["found_own_minus_plain"]
    assert figure.share == pytest.approx(-0.1)
    assert figure.error == pytest.approx(0, abs=1e-12)
    assert not holds(bar, figure)


@pytest.mark.parametrize(
    ("bar", "figure", "expected"),
    [
        (Bar("alarms", "<=", 0.01), 0.01, True),
        (Bar("alarms", "<=", 0.01), 0.0101, False),
        (Bar("found", ">=", 0.97), 0.97, True),
        (Bar("found", ">=", 0.97), 0.969, False),
        (Bar("found_own_minus_plain", ">=", 0.0, errors=2.0), -0.019, True),
        (Bar("found_own_minus_plain", ">=", 0.0, errors=2.0), -0.021, False),
        (Bar("alarms_own_minus_plain", "<=", 0.0, errors=2.0), 0.021, False),
    ],
)
def test_bars(bar, figure, expected):
    assert holds(bar, Figure(figure, 0.01, 0, 0, 100, 10)) is expected


def test_one_baseline_has_no_error_and_still_a_json():
    result = Result(cell(), figures_of(cell(), [outcome(alarms=(0, 3))]), [outcome(alarms=(0, 3))])
    (found,) = as_json([result])
    assert found["figures"]["alarms"]["error"] is None
    assert "nan" in as_markdown([result])


def test_the_plan_has_every_bar_of_every_size():
    names = [one.name for one in plan()]
    assert len(names) == len(set(names)) == 16 + 4 + 4 + 2
    assert [one.name for one in plan(quick=True)] == names
    quiet = [one for one in plan() if one.run == "quiet"]
    assert all(one.baselines >= 100 for one in quiet)
    assert all(one.windows >= 200 for one in quiet if one.rows < 50_000)


def test_options_choose_cells_and_change_their_numbers():
    options = options_of(["--cells", "days/*", "tiny/*/0", "--baselines", "3", "--trials", "1"])
    chosen = chosen_cells(options)
    assert [one.name for one in chosen] == ["days/500/15500/0", "tiny/50000/5000/0", "tiny/50000/50000/0"]
    assert all((one.baselines, one.trials) == (3, 1) for one in chosen)
    assert chosen[0].windows == 100, "what is not asked for stays"


@pytest.mark.parametrize("name", RUNS)
def test_each_kind_gives_the_figures_of_its_bars(name, monkeypatch):
    monkeypatch.setattr(subject, "QUIET", 2)
    monkeypatch.setattr(runs, "POOL", 4)
    first = next(one for one in plan() if one.run == name)
    small = replace(first, rows=100, baseline_rows=800, windows=2, trials=1)
    found = run((small, 3, 0))
    figures = figures_of(small, [found])
    assert {bar.figure for bar in small.bars} <= set(figures)
    markdown = as_markdown([Result(small, figures, [found])])
    shown = [name for name in figures if not name.endswith("_light")]
    assert markdown.count("| 100 | 800 | 0 |") == len(shown), "every figure has a line"


def test_what_is_drawn_depends_on_seed_cell_and_number_only():
    def profiles(seed: int, rho: float, number: int) -> list[object]:
        one = replace(cell(), rho=rho)
        return list(Subject(runs.generator(one, seed, number), rows=50, baseline_rows=100).profiles(2))

    first = profiles(1, 0.0, 0)
    assert profiles(1, 0.0, 0) == first
    assert first[0] != first[1]
    assert all(profiles(*other) != first for other in ((2, 0.0, 0), (1, 0.8, 0), (1, 0.0, 1)))


def test_a_run_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "alarms.json"
    arguments = ["--cells", "quiet/100/5000/*", "--baselines", "2", "--windows", "3", "--jobs", "2"]
    ended = main([*arguments, "--json", str(path)])
    written = json.loads(path.read_text(encoding="utf-8"))
    assert ended == (1 if any(one["missed"] for one in written["cells"]) else 0)
    assert [one["figures"]["alarms"]["trials"] for one in written["cells"]] == [6, 6]
    out = capsys.readouterr().out
    assert out.startswith("## False alarms")
    assert "| 100 | 5,000 | 0.8 | false alarms | " in out


@pytest.mark.parametrize("number", ["0", "-1", "2.5", "many"])
def test_numbers_are_counts(number, capsys):
    with pytest.raises(SystemExit):
        options_of([f"--baselines={number}"])
    assert f"got {number!r}; give a whole number from 1 on" in capsys.readouterr().err


def test_no_such_cell(capsys):
    assert main(["--cells", "loud/*"]) == 2
    assert "quiet/100/5000/0" in capsys.readouterr().out


def test_columns_are_numbers_first_and_then_levels():
    assert [bool(column.levels) for column in COLUMNS] == [False] * NUMERIC + [True] * 4
