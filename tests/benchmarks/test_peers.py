"""The comparison with other tools runs, on tables so small that it measures nothing."""

import json
import re
import subprocess
import sys

import pytest

from tests.house.source import ROOT

FOLDER = ROOT / "benchmarks" / "peers"
SIZES = {"rows": 3000, "most": 2, "baselines": 2000, "windows": 3, "window-rows": 200, "sizes": 1500}
SMALL = [f"--{name}={value}" for name, value in SIZES.items()]


def run(folder, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(FOLDER / "run.py"), *arguments]
    command += ["--venvs", str(folder / "venvs"), "--frames", str(folder / "frames")]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_small_tables_are_measured(tmp_path):
    written = tmp_path / "all.json"
    done = run(tmp_path, "batch", "window", "growth", "--peers", "scipy", *SMALL, "--json", str(written))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(written.read_text(encoding="utf-8"))
    (turn,) = found["batch"]["turns"]
    for tool in (turn["mirante"], turn["found"]):
        assert tool["missed"] == []
        assert 0 < tool["current_s"]["median"] <= tool["both_s"]["max"]
        assert tool["imported_mib"] < tool["loaded_mib"]
        assert tool["peak_mib"] > tool["imported_mib"]
    assert found["batch"]["read"]["arrow_s"]["n"] == 2
    (row,) = found["window"]["rows"]
    assert row["mirante"]["n"] == 3
    assert row["scipy"]["cpu_us"]["median"] > 0
    assert [(each["way"], each["rows"]) for each in found["growth"]["rows"]] == [
        ("table", 1500),
        ("file", 1500),
    ]
    assert "NOT MET" not in done.stdout, "bars are for tables of their own size"
    assert not list((tmp_path / "frames").glob("growth*"))


def test_the_flights_by_date_with_a_sentence_for_each_alarm(tmp_path):
    written = tmp_path / "real.json"
    done = run(
        tmp_path, "real", "--peers", "", "--data", str(tmp_path / "nowhere.parquet"), "--json", str(written)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Electricity is left out: there is no file" in done.stderr
    flights = json.loads(written.read_text(encoding="utf-8"))["real"]["flights"]
    windows = flights["tools"]["Mirante"]["windows"]
    assert (len(windows), min(windows), max(windows)) == (334, "2013-02-01", "2013-12-31")
    assert re.search(r"\| 2013-02-08 \| dep_delay: missing values rose to 51 %", done.stdout)
    assert all(bool(each["columns"]) == bool(each["sentences"]) for each in windows.values())


def test_a_measurement_that_takes_too_long_has_a_row_that_says_so(tmp_path):
    done = run(tmp_path, "growth", "--sizes", "1000", "--limit", "0.05")
    assert done.returncode == 0, done.stderr
    assert "| table | 1,000 | stopped after 0.05 s |" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["weather"], "there is no table 'weather'"), (["--peers", "scipi"], "there is no peer 'scipi'")],
)
def test_a_name_that_is_not_there_is_an_error(tmp_path, arguments, message):
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_every_environment_is_pinned():
    files = sorted((FOLDER / "requirements").glob("*.txt"))
    assert [path.stem for path in files] == ["alibi-detect", "evidently", "nannyml", "whylogs"]
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        loose = [line for line in lines if not re.fullmatch(r"#.*|[\w.\[\]-]+==[\w.]+", line)]
        assert loose == [], path.name
