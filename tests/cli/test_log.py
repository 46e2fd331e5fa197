import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder
from mirante.cli import main
from mirante.inference_log.reader import InferenceLog
from mirante.store import Store

HOSTILE = "x\x1b[2Jx\n\u202ey"


@pytest.fixture
def root(tmp_path):
    with Recorder("m", tmp_path / "log", clock=lambda: 1_767_225_600.0) as recorder:
        for number in range(20):
            recorder.log({"customer": number % 4, HOSTILE: HOSTILE}, 0.5, latency=0.002, id=f"id{number}")
    return tmp_path / "log"


def run(*arguments, **more):
    return CliRunner().invoke(main, ["log", *map(str, arguments)], **more)


def test_tail_fits_the_terminal_and_does_nothing_to_it(root):
    done = run("tail", "--log", root, "-n", 3)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("2026-01-01T00:00:00Z  m/1  id19  -> 0.5  2.0 ms  customer=3  x?[2Jx")
    assert all(len(line) <= 80 for line in lines)
    assert not re.search("[\x1b\u202e]", done.stdout)
    said = [json.loads(line) for line in run("tail", "--log", root, "-n", 2, "--json").stdout.splitlines()]
    assert [row["__id"] for row in said] == ["id18", "id19"]
    assert said[0][HOSTILE] == HOSTILE
    assert "\x1b" not in run("tail", "--log", root, "--json").stdout


@pytest.mark.parametrize("command", ["tail", "stat", "repair", "export", "delete"])
def test_a_mistyped_model_is_an_error(root, command, tmp_path):
    given = ["mn", tmp_path / "out.csv"] if command == "export" else ["--model", "m", "--model", "mn"]
    given += ["--id", "id1", "--yes"] if command == "delete" else []
    done = run(command, *given, "--log", root)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has no model 'mn', nearest to it are 'm'; `mirante log stat` shows them" in done.stderr


def test_a_model_of_the_config_may_have_no_rows_yet(root, tmp_path):
    config = tmp_path / "mirante.yaml"
    config.write_text("models: [{model: fresh}]\n")
    done = run("tail", "--model", "fresh", "--log", root, "-c", config)
    assert (done.exit_code, done.stdout) == (0, "")


def test_following_shows_what_is_recorded_from_now_on(root):
    process = subprocess.Popen(
        [sys.executable, "-m", "mirante", "log", "tail", "--log", str(root), "-n", "1", "--follow"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert "id19" in process.stdout.readline()
        with Recorder("m", root) as recorder:
            recorder.log({"customer": 1}, 1, id="fresh")
        assert "fresh" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (1, 130)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
def test_stat(root):
    [found] = json.loads(run("stat", "--log", root, "--json").stdout)
    assert (found["model"], found["rows"], found["sealed"], found["first"]) == (
        "m",
        20,
        1,
        "2026-01-01T00:00:00+00:00",
    )
    head, line = run("stat", "--log", root).stdout.splitlines()
    assert head.split()[:4] == ["MODEL", "VERSION", "ROWS", "SIZE"]
    assert line.split()[:3] == ["m", "1", "20"]
    assert "2026-01-01 00:00 to 2026-01-01 00:00" in line
    with Recorder("m", root, version="2") as recorder:
        recorder.log({"customer": 1}, 0)
        recorder.log({"customer": [1, 2]}, [0, 0, 0])
    lines = [line.split() for line in run("stat", "--log", root).stdout.splitlines()[1:]]
    assert lines[0][11] == "3"
    assert "-" in lines[1][11]  # its drops are the model's and were said: the next is a date
    (root.parent / "empty").mkdir()
    assert run("stat", "--log", root.parent / "empty").stdout == "nothing is recorded\n"
    missing = run("stat", "--log", root / "no")
    assert missing.exit_code == 2
    assert "there is no inference log at" in missing.stderr


def test_repair_says_what_is_damaged(root):
    assert (run("repair", "--log", root).exit_code, run("repair", "--log", root).stdout) == (
        0,
        "all is well\n",
    )
    [path] = root.rglob("*.parquet")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    done = run("repair", "--log", root)
    assert done.exit_code == 1
    assert f"{path}: 20 rows of group 0 left out" in done.stdout
    assert json.loads(run("repair", "--log", root, "--json").stdout)["damage"]
    assert run("repair", "--log", root / "no").exit_code == 2


def test_export(root, tmp_path):
    target = tmp_path / "rows.parquet"
    done = run("export", "m", target, "--log", root, "--columns", "customer, __id", "--since", "2026-01-01")
    assert (done.exit_code, done.stdout) == (0, f"wrote {target}: 20 rows\n")
    assert pq.read_table(target).column_names == ["customer", "__id"]
    again = run("export", "m", target, "--log", root)
    assert again.exit_code == 2
    assert "--force" not in again.stdout
    assert "is there already" in again.stderr
    assert run("export", "m", target, "--log", root, "--until", "2026-01-01", "--force").stdout.endswith(
        " 0 rows\n"
    )
    assert run("export", "nobody", target, "--log", root).exit_code == 2
    other = run("export", "m", target, "--log", root, "--version", 9, "--force")
    assert (other.exit_code, "has no version '9' of 'm'; there are '1'" in other.stderr) == (2, True)
    swapped = ("--since", "2026-02-01", "--until", "2026-02-01")
    backwards = run("export", "m", target, "--log", root, *swapped, "--force")
    assert (backwards.exit_code, "the end has to be later" in backwards.stderr) == (2, True)


def test_delete_by_column_with_labels(root, tmp_path):
    config = tmp_path / "mirante.yaml"
    config.write_text("models: [{model: m, log: log}]\n")
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        store.labels.write("m", ["id1", "id2"], [0, 1], InferenceLog(root).stat()[0].first)
    asked = run("delete", "-c", config, "--where", "customer=1", input="n\n")
    assert asked.exit_code == 1
    assert "for good?" in asked.stderr
    done = run("delete", "-c", config, "--where", "customer=1", "--by", "Zé", "--yes")
    assert done.exit_code == 0, done.output
    assert f"{root}: deleted 5 rows; rewrote 1 segment\n" in done.stdout
    assert "labels: 1, outlier rows: 0" in done.stdout
    assert "Not removed" in done.stdout
    assert [line["by"] for line in InferenceLog(root).deletions()] == ["Zé"]
    assert "customer=1" not in (root / "deletions.jsonl").read_text()


def test_a_deletion_that_can_find_nobody_is_no_success(root, tmp_path):
    typed = run("delete", "--where", "custmer=1", "--yes", "--log", root)
    assert (typed.exit_code, typed.stdout) == (2, "")
    assert "no segment has the column 'custmer', so no row can be found by it" in typed.stderr
    assert "'customer'" in typed.stderr
    assert InferenceLog(root).deletions() == []
    config = tmp_path / "mirante.yaml"
    config.write_text("models: [{model: m, log: log, privacy: {drop: [name]}}]\n")
    dropped = run("delete", "--where", "name=Ada", "--yes", "-c", config)
    assert (dropped.exit_code, "is dropped when rows are recorded" in dropped.stderr) == (2, True)


def test_a_hashed_column_without_its_key_is_said(tmp_path):
    privacy = Privacy(hash=["customer"], key="correct horse battery")
    with Recorder("m", tmp_path / "log", privacy=privacy) as recorder:
        recorder.log({"customer": 1}, 0)
    done = run("delete", "--where", "customer=1", "--yes", "--log", tmp_path / "log")
    assert done.exit_code == 1
    assert "deleted 0 rows" in done.stdout
    assert "the column looks hashed, and no config has its key" in done.stdout
    said = json.loads(
        run("delete", "--where", "customer=1", "--yes", "--json", "--log", tmp_path / "log").stdout
    )
    assert (said["finished"], said["unkeyed"]) == (False, [str(tmp_path / "log")])
    whole = run("delete", "--where", f"customer={privacy.digest(1)}", "--yes", "--log", tmp_path / "log")
    assert (whole.exit_code, "deleted 1 row;" in whole.stdout) == (0, True)


def test_delete_by_ids(root, tmp_path):
    (tmp_path / "ids").write_text("id3\n\nid4\n")
    done = run(
        "delete",
        "--log",
        root,
        "--id",
        "id1",
        "--ids-from",
        tmp_path / "ids",
        "--yes",
        "--json",
        "--by",
        "me",
    )
    said = json.loads(done.stdout)
    assert said["logs"][0]["rows"] == 3
    assert said["finished"]
    with Recorder("m", root, flush_interval=60) as recorder:
        recorder.log({"customer": 1}, 0, id="late")
        assert recorder.flush(10)
        waits = run("delete", "--log", root, "--id", "late", "--yes", "--wait", 0)
        assert waits.exit_code == 1
        assert "1 row in 1 segment to be deleted when their recorder has sealed them" in waits.stdout
        assert "there is no store" in waits.stdout


@pytest.mark.parametrize(
    "arguments", [(), ("--id", "a", "--where", "b=c"), ("--where", "b"), ("--where", "b="), ("--where", "=b")]
)
def test_a_deletion_says_which_rows(root, arguments):
    done = run("delete", "--log", root, "--yes", *arguments)
    assert done.exit_code == 2
    assert "--where" in done.stderr
    assert InferenceLog(root).stat()[0].rows == 20


def test_every_command_works_over_the_archive(root, tmp_path):
    url = f"file://{tmp_path}/archive"
    missing = run("stat", "--log", root, "--archive", url)
    assert missing.exit_code == 1
    assert "there is no archive of an inference log at" in missing.stderr
    InferenceLog(root, url).move("m", datetime(2027, 1, 1, tzinfo=UTC))
    assert list(root.rglob("*.parquet")) == []
    [found] = json.loads(run("stat", "--log", root, "--archive", url, "--json").stdout)
    assert (found["rows"], found["sealed"], found["archived"]) == (20, 1, 1)
    assert "id19" in run("tail", "--log", root, "--archive", url).stdout
    assert run("repair", "--log", root, "--archive", url).stdout == "all is well\n"
    target = tmp_path / "rows.csv"
    lost = tmp_path / "lost"
    assert run("export", "m", target, "--log", lost, "--archive", url).stdout == f"wrote {target}: 20 rows\n"
    done = run("delete", "--id", "id7", "--yes", "--log", root, "--archive", url)
    assert (done.exit_code, "deleted 1 row; rewrote 1 segment\n" in done.stdout) == (0, True)
    [path] = (tmp_path / "archive").rglob("*.parquet")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    done = run("repair", "--log", root, "--archive", url)
    assert (done.exit_code, f"{path.name}: 19 rows of group 0 left out" in done.stdout) == (1, True)


def test_an_archive_that_is_away_is_said_without_its_secret(root):
    url = "s3://key:hunter2secret@bucket/log?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    for command in (("stat",), ("tail",), ("repair",)):
        done = run(*command, "--log", root, "--archive", url)
        assert done.exit_code == (2 if command == ("repair",) else 1)
        assert "the archive s3://bucket/log could not" in done.stderr
        assert "hunter2" not in done.output
    done = run("delete", "--id", "id7", "--yes", "--log", root, "--archive", url)
    assert done.exit_code == 1
    assert "what is in the archive waits until that can be reached" in done.stdout
    assert "hunter2" not in done.output
    assert InferenceLog(root).scan("m").num_rows == 19
