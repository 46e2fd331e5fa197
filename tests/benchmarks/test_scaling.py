"""The arithmetic of the page about scaling: the page shows what the script prints."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from benchmarks.scaling import Costs, Load, main, plan

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text("utf-8")


def figures(load=None, costs=None):
    return {(line.what, line.unit): line.figure for line in plan(load or Load(), costs or Costs())}


def test_the_page_has_what_the_script_prints(capsys):
    main([])
    assert capsys.readouterr().out in PAGE


def test_options_take_the_place_of_what_was_measured(capsys):
    main(["--models", "100", "--predictions", "2000"])
    assert "| recording | serving processes | `predictions / per_process` | 4 |" in capsys.readouterr().out


def test_the_page_says_where_each_unit_cost_is_from():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.M))
    for one in fields(Costs):
        said = float(rows[one.name].split()[0].replace(",", ""))
        assert said == one.default, one.name
    assert set(rows) == {one.name for one in fields(Costs)}


def test_it_grows_as_the_load_does():
    once, twice = figures(), figures(Load(models=20_000, predictions=2_000_000))
    for key in once.keys() - {
        ("services by series", ""),
        ("services that count rows", ""),
        ("services beside Spark", ""),
    }:
        assert twice[key] == pytest.approx(2 * once[key])
    assert figures(Load(recorded=0.1))["inference log", "TB/day"] == pytest.approx(
        once["inference log", "TB/day"] / 10
    )
    assert figures(Load(window_hours=24))["windows", "GB/day"] == pytest.approx(
        once["windows", "GB/day"] / 24
    )
