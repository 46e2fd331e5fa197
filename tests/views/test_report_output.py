"""Reports as files of each kind; names that mean harm stay text in all of them."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest

from mirante.errors import InputError
from mirante.tracking.runs.search import ExperimentRef
from mirante.views.page import Cell
from mirante.views.report import report_of
from mirante.views.report.compare import compare_reports
from mirante.views.report.output import check_kind, write_comparison, write_output
from tests.faults.test_hostile_names import HOSTILE
from tests.views.browser import drawn, opened
from tests.views.made_runs import NOW, as_json, columns_of


def hostile_report(number="1"):
    """Return a report in which every name and text is hostile, and every part has something to show."""
    runs = []
    for place in range(60):
        name = HOSTILE[place % len(HOSTILE)]
        runs.append(
            as_json(
                f"{number}{place:03}",
                name=name,
                started=NOW,
                status=(
                    "FAILED" if place % len(HOSTILE) in (0, 7) else "RUNNING" if place == 59 else "FINISHED"
                ),
                metrics={key: place * 1.0 + len(key) for key in HOSTILE},
                params=dict.fromkeys(HOSTILE, HOSTILE[(place + 1) % 3]) | {HOSTILE[7] + "n": name},
                tags={HOSTILE[0]: name, HOSTILE[7]: HOSTILE[7]},
            )
        )
    experiment = ExperimentRef(number, HOSTILE[0])
    later = NOW.replace(year=2014)
    return report_of(experiment, columns_of(runs), now=later, mlflow="http://127.0.0.1:5000")


@pytest.mark.browser
def test_hostile_names_run_nothing_in_any_part(tmp_path: Path):
    report = hostile_report()
    assert report.common_causes
    assert report.importances
    assert report.stale_runs
    with opened(write_output(report, tmp_path / "r.html")) as page:
        assert drawn(page) == 6  # all began at one time, so that there is no chart of failures
        assert page.locator("img").count() == 0
        assert page.locator("a[href^='http://127.0.0.1:5000/#/experiments/1/runs/']").count() > 60
        for heading in ("What failed runs have in common", "Running without a sign of life"):
            assert page.get_by_role("heading", name=heading).count() == 1
    both = compare_reports([report, hostile_report("2")])
    with opened(write_output(both, tmp_path / "both.html"), width=390) as page:
        assert page.locator("img").count() == 0
        assert page.locator("h1").inner_text() == "Experiments compared"


def test_no_cell_of_the_csv_is_a_formula():
    for text in (
        hostile_report().to_csv(),
        compare_reports([hostile_report(), hostile_report("2")]).to_csv(),
    ):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert any("cmd|' /C calc'!A0" in cell for row in rows for cell in row)
        for row in rows:
            for cell in row:
                if cell.lstrip("\x00 ")[:1] in tuple("=+-@\t\r\n"):
                    float(cell)  # a number may begin with its sign


def test_markdown_and_json_hold_no_markup_of_names():
    report = hostile_report()
    for text in (report.to_markdown(), compare_reports([report, hostile_report("2")]).to_markdown()):
        assert "<img" not in text
        assert "\nBcc:" not in text
        assert "](javascript" not in text
    assert json.loads(report.to_json())["experiment_name"] == HOSTILE[0]


@pytest.mark.parametrize("kind", [".html", ".md", ".json", ".csv"])
def test_each_kind_is_written_whole(tmp_path: Path, kind: str):
    report = report_of(ExperimentRef("1", "e"), columns_of([as_json("a", metrics={"m": 1.0})]), now=NOW)
    assert write_output(report, tmp_path / "deep" / f"r{kind}").stat().st_size > 50
    both = compare_reports([report, report_of(ExperimentRef("2", "f"), columns_of([]), now=NOW)])
    assert write_output(both, tmp_path / f"both{kind}", locale="pt_BR").exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_another_kind_is_refused():
    for name in ("report.pdf", "report"):
        with pytest.raises(InputError, match=r"a report is \.html, \.md, \.json, \.csv"):
            check_kind(name)


def test_halves_of_characters_are_written(tmp_path: Path):
    runs = [as_json("a", name="\ud800half", metrics={"m\udc00": 1.0}, params={"\udfff": "\ud800"})]
    report = report_of(ExperimentRef("1", "\ud800"), columns_of(runs), now=NOW)
    for kind in (".html", ".md", ".json", ".csv"):
        write_output(report, tmp_path / f"r{kind}").read_text(encoding="utf-8")


def test_twelve_thousand_metrics(tmp_path: Path):
    runs = [
        as_json(
            f"{run:032x}",
            started=NOW,
            metrics={f"layer_{n}": n * run / 7 for n in range(12_000)} | {"loss": 1},
        )
        for run in range(3)
    ] + [as_json("f" * 32, started=NOW, metrics={"loss": 2})]
    began = time.process_time()
    report = report_of(ExperimentRef("1", "wide"), columns_of(runs), now=NOW)
    path = write_output(report, tmp_path / "r.html")
    assert next(iter(report.metrics)) == "loss"
    assert "200 of 12001 metrics." in path.read_text(encoding="utf-8")
    assert path.stat().st_size < 6_500_000
    assert time.process_time() - began < 60  # a freeze would be minutes


def test_a_link_that_would_run_is_refused():
    with pytest.raises(Exception, match="no web address"):
        Cell("x", link="javascript:alert(1)")


def test_a_comparison_without_metrics_in_common_says_so(tmp_path: Path):
    empty = [report_of(ExperimentRef(name, name), columns_of([]), now=NOW) for name in "ab"]
    text = write_comparison(compare_reports(empty), tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No two experiments have a metric in common." in text
