import shlex
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.demo.files import write_config
from mirante.demo.tell import tell
from mirante.store import AlertRow, Store


def alert(rule, window, severity="warning", **labels):
    return {
        "rule": rule,
        "severity": severity,
        "labels": {"model": "nyc-flight-delay"} | labels,
        "window": window,
        "first_fired_at": f"{window}T00:00:00-05:00",
    }


SUMMARY = {
    "champion": {
        "model": "nyc-flight-delay",
        "alias": "champion",
        "version": "3",
        "metrics": {"log_loss": 0.28449, "accuracy": 0.9},
    },
    "rows_replayed": 309_772,
    "rows_recorded": 309_771,
    "rows_read_back": 309_770,
    "rows_profiled": 309_769,
    "windows": 334,
    "labels": 301_002,
    "readings": 22_345,
    "readings_in_mlflow": 22_300,
    "alerts": [
        alert("missing_values", "2013-02-05", feature="dep_delay"),
        alert("severe_drift", "2013-07-01", "critical", feature="carrier"),
        alert("many_missing_values", "2013-02-08", "critical", feature="dep_delay"),
        alert("model_worse", "2013-03-08"),
    ],
    "notices": {"delivered": 4, "owed": 1, "dead": 2},
    "seconds": {"training": 12.345, "readings_to_mlflow": 3.0, "total": 15.35},
    "files": ["/tmp/x/dashboard.html", "/tmp/x/report.html"],
    "mlflow": "http://127.0.0.1:5001",
    "folder": "/tmp/my demo",
}


def test_every_figure_is_told():
    text = tell(SUMMARY)
    for part in (
        "nyc-flight-delay@champion, version 3, log-loss 0.284",
        "309,772 replayed, 309,771 recorded, 309,770 read back, 309,769 profiled in 334 windows",
        "301,002 labels came",
        "22,345 in the store, 22,300 in MLflow",
        "4 fired; notices: 4 delivered, 1 owed, 2 given up",
        "15.3 s: training 12.3 s, readings to mlflow 3.0 s",
        "/tmp/x/dashboard.html",
        "/tmp/x/report.html",
        "http://127.0.0.1:5001",
    ):
        assert part in text, part


def test_critical_alerts_come_first_then_by_time():
    lines = [line.split() for line in tell(SUMMARY).splitlines() if line.strip().startswith("2013-")]
    assert lines == [
        ["2013-02-08", "critical", "many_missing_values", "dep_delay"],
        ["2013-07-01", "critical", "severe_drift", "carrier"],
        ["2013-02-05", "warning", "missing_values", "dep_delay"],
        ["2013-03-08", "warning", "model_worse"],
    ]


@pytest.mark.parametrize(("count", "more"), [(0, 0), (12, 0), (13, 1), (40, 28)])
def test_only_twelve_alerts_are_shown_and_the_rest_is_counted(count, more):
    summary = deepcopy(SUMMARY)
    days = [f"2013-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(count)]
    summary["alerts"] = [alert("missing_values", day) for day in days]
    text = tell(summary)
    assert f"{count} fired" in text
    assert sum("missing_values" in line for line in text.splitlines()) == count - more
    assert (f"and {more} more" in text) == bool(more)


def test_where_it_ends_no_address_is_given_that_answers_no_more(tmp_path: Path):
    text = tell(SUMMARY, ended=True)
    assert "127.0.0.1" not in text
    assert "mirante alerts list --state all -c '/tmp/my demo/mirante.yaml'" in text
    assert "/tmp/x/dashboard.html" in text
    config = write_config(tmp_path, "http://127.0.0.1:1")  # as the server that is gone
    at = datetime(2013, 2, 8, tzinfo=UTC)
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        store.alerts.save(
            AlertRow("1", "r", {}, "model/m@champion", "info", "resolved", at, at, at, summary="snow")
        )
    command = (
        tell({**SUMMARY, "folder": str(tmp_path)}, ended=True).partition("mirante alerts ")[2].splitlines()[0]
    )
    done = CliRunner().invoke(main, ["alerts", *shlex.split(command)])
    assert (done.exit_code, "snow" in done.output, str(config) in command) == (0, True, True), done.output


def test_the_summary_is_left_as_it_was():
    summary = deepcopy(SUMMARY)
    tell(summary)
    assert summary == SUMMARY


def test_no_line_ends_in_blanks():
    assert [line for line in tell(SUMMARY).splitlines() if line != line.rstrip()] == []
