"""`mirante serve` beside `mlflow models serve`: two real servers of one model, asked the same things.

Few processes are started, since each imports MLflow: MLflow's, one of ours with two workers for all
questions, and two of ours whose processes are killed.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.tallies import Tally
from mirante.tracking.server import free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes")

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
JSON = "application/json"
MODEL = """
import time
import mlflow


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        scale = (params or {}).get("scale", 1.0)
        if (model_input["age"] == -1).any():
            raise RuntimeError("no such age")
        if (model_input["age"] == -2).any():
            time.sleep(1.0)
        return (model_input["age"] * scale).tolist()


mlflow.models.set_model(Model())
"""
ROW = {"age": 31.5, "visits": 3, "plan": "basic"}
OTHER = {"age": 40, "visits": 0, "plan": "família"}
FAILING = {**ROW, "age": -1}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

    folder = tmp_path_factory.mktemp("model")
    (folder / "model.py").write_text(MODEL)
    columns = [ColSpec("double", "age"), ColSpec("long", "visits"), ColSpec("string", "plan")]
    inputs = Schema([*columns, ColSpec("datetime", "since", required=False)])
    params = ParamSchema([ParamSpec("scale", "double", 1.0)])
    signature = ModelSignature(inputs, Schema([ColSpec("double")]), params)
    with warnings.catch_warnings():  # MLflow warns of its own types
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            folder / "saved",
            python_model=str(folder / "model.py"),
            signature=signature,
            pip_requirements=["mlflow"],
        )
    return folder / "saved"


@dataclass
class Server:
    process: subprocess.Popen
    port: int
    log: Path
    lines: list[str] = field(default_factory=list)
    known: set[int] = field(default_factory=set)

    def ask(self, method, path, body=b"", *, kind=JSON, timeout=60, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, given | ({"Content-Type": kind} if kind else {}))
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def predict(self, row, **headers):
        body = json.dumps({"dataframe_records": row if isinstance(row, list) else [row]}).encode()
        return self.ask("POST", "/invocations", body, **headers)

    def counted(self):
        text = self.ask("GET", "/metrics", kind=None)[1].decode()
        parts = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in parts}

    def count(self, start):
        return sum(value for name, value in self.counted().items() if name.startswith(start))

    def rows(self):
        table = InferenceLog(self.log).scan("churn")
        return [] if table is None else table.to_pylist()

    def wait_until(self, holds, seconds=30):
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.05)

    def end(self, how=signal.SIGTERM):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        return self.process.wait(30)


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))}
    more = {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return kept | more | {"OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def started(command, port, log, told, **more):
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=log.parent, env={**environment(), **more},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    server = Server(process, port, log)

    def listen_to_it():
        for line in process.stdout:
            server.lines.append(line)

    thread = threading.Thread(target=listen_to_it)
    thread.start()
    try:
        server.wait_until(lambda: told(server) or process.poll() is not None, 120)
        assert process.poll() is None, server.lines
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for worker in server.known:  # they have sessions of their own, and should be gone by now
            if lives(worker):
                os.kill(worker, signal.SIGKILL)
        thread.join(20)
        process.stdout.close()


def ours_at(model, folder, *options, about=("--model", "churn", "--version", "3"), **more):
    command = ["mirante", "serve", str(model), "--port", "0", "--log", str(folder / "log"), *about, *options]

    def told(server):
        found = [re.search(r"at http://127.0.0.1:(\d+)", line) for line in server.lines]
        server.port = next((int(one[1]) for one in found if one), 0)
        return server.port

    return started([*command, "--flush-interval", "0.2"], 0, folder / "log", told, **more)


@pytest.fixture(scope="module")
def theirs(model, tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("theirs"), free_port()
    command = ["mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", "-p", str(port)]

    def told(server):
        with contextlib.suppress(OSError):
            return server.ask("GET", "/ping")[0] == 200
        return False

    # its launcher looks for uvicorn on the path; this one has the same files as ours, which tracebacks name
    program = folder / "bin" / "uvicorn"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m uvicorn "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    with started(command, port, folder / "log", told, PATH=path) as server:
        yield server


@pytest.fixture(scope="module")
def ours(model, theirs, tmp_path_factory):
    with ours_at(model, tmp_path_factory.mktemp("ours"), "--workers", "2") as server:
        yield server


def body(**parts):
    return json.dumps(parts).encode()


def parquet(rows):
    file = io.BytesIO()
    pd.DataFrame(rows).to_parquet(file)
    return file.getvalue()


SPLIT = {"columns": list(ROW), "data": [list(ROW.values()), list(OTHER.values())]}
WIDE = {**ROW, **{f"c{number}": number for number in range(10_000)}}
# name: how it is asked; status; rows that are recorded
PREDICTIONS = {
    "split": (body(dataframe_split=SPLIT), JSON, 200, 2),
    "split with an index": (body(dataframe_split={**SPLIT, "index": [5, 7]}), JSON, 200, 2),
    "records": (body(dataframe_records=[ROW, OTHER]), JSON, 200, 2),
    "instances": (body(instances=[ROW, OTHER]), JSON, 200, 2),
    "inputs by column": (body(inputs={name: [ROW[name], OTHER[name]] for name in ROW}), JSON, 200, 2),
    "inputs by row": (body(inputs=[ROW, OTHER]), JSON, 200, 2),
    "params": (body(dataframe_records=[ROW], params={"scale": 2.0}), JSON, 200, 1),
    "optional column": (body(dataframe_records=[{**ROW, "since": "2026-01-01T00:00:00"}]), JSON, 200, 1),
    "csv": ("age,visits,plan\n31.5,3,basic\n40,0,família\n".encode(), "text/csv", 200, 2),
    "csv with charset": (b"age,visits,plan\n31.5,3,007\n", "text/csv; charset=utf-8", 200, 1),
    "parquet": (parquet([ROW, OTHER]), "application/vnd.apache.parquet", 200, 2),
    "json with charset": (body(dataframe_records=[ROW]), "application/json; charset=utf-8", 200, 1),
    "extra column": (body(dataframe_records=[{**ROW, "more": 1}]), JSON, 200, 1),
    "NaN": (b'{"dataframe_records": [{"age": NaN, "visits": 3, "plan": "basic"}]}', JSON, 200, 1),
    "a number as text": (body(dataframe_records=[{**ROW, "age": "31.5"}]), JSON, 200, 1),
    "NUL": (body(dataframe_records=[{**ROW, "plan": "\x00</script>"}]), JSON, 200, 1),
    "10,000 columns": (body(dataframe_records=[WIDE]), JSON, 200, 0),
    "8 MB and more": (body(dataframe_records=[{**ROW, "plan": "x" * 9_000_000}]), JSON, 200, 0),
}
REFUSED = {
    "missing column": (body(dataframe_records=[{"age": 1, "visits": 2}]), JSON, 400),
    "wrong type": (body(dataframe_records=[{**ROW, "visits": "many"}]), JSON, 400),
    "null": (body(dataframe_records=[{**ROW, "visits": None}]), JSON, 400),
    "half a character": (body(dataframe_records=[{**ROW, "plan": "\ud800"}]), JSON, 400),
    "wrong param": (body(dataframe_records=[ROW], params={"scale": "x"}), JSON, 400),
    "no form": (body(rows=[ROW]), JSON, 400),
    "two forms": (body(inputs=[1], instances=[1]), JSON, 400),
    "a list": (b"[1, 2]", JSON, 400),
    "not JSON": (b"{", JSON, 400),
    "not UTF-8": (b"\xff\xfe", JSON, 400),
    "empty": (b"", JSON, 400),
    "csv that is none": (b'"', "text/csv", 400),
    "csv not UTF-8": (b"age\n\xff", "text/csv", 400),
    "another type": (b"age=1", "application/x-www-form-urlencoded", 415),
    "another charset": (body(dataframe_records=[ROW]), "application/json; charset=latin-1", 415),
    "another parameter": (body(dataframe_records=[ROW]), "application/json; a=b", 415),
    "model fails": (body(dataframe_records=[FAILING]), JSON, 400),
    "no type": (body(dataframe_records=[ROW]), None, 500),
    "deep": (b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 500),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_answers_are_mlflows_byte_for_byte(theirs, ours, name):
    data, kind, status, _ = PREDICTIONS[name]
    expected, got = (server.ask("POST", "/invocations", data, kind=kind) for server in (theirs, ours))
    assert got[:2] == expected[:2]
    assert got[0] == status, got[1][:500]
    new = got[2].keys() - expected[2].keys()
    assert new == {"x-prediction-id"}
    assert all(got[2][header] == expected[2][header] for header in expected[2].keys() - {"date"})


@pytest.mark.parametrize("name", REFUSED)
def test_so_are_refusals(theirs, ours, name):
    data, kind, status = REFUSED[name]
    expected, got = (server.ask("POST", "/invocations", data, kind=kind) for server in (theirs, ours))
    assert got[:2] == expected[:2]
    assert got[0] == status, got[1][:500]
    assert got[2].keys() == expected[2].keys()


def test_so_are_all_other_addresses(theirs, ours):
    for method, path in (
        ("GET", "/ping"), ("GET", "/health"), ("GET", "/version"), ("GET", "/invocations"), ("GET", "/nope"),
        ("POST", "/ping"), ("GET", "/docs"), ("GET", "/openapi.json"), ("POST", "/metrics"),
    ):  # fmt: skip
        expected, got = (server.ask(method, path, kind=None) for server in (theirs, ours))
        if path != "/metrics":
            assert got[:2] == expected[:2], path
        assert got[0] == expected[0] or path == "/metrics"


def test_a_body_of_50_mb_is_answered_as_ever(theirs, ours):
    data = body(dataframe_records=[{**ROW, "plan": "x" * 50_000_000}])
    expected, got = (server.ask("POST", "/invocations", data) for server in (theirs, ours))
    assert got[:2] == expected[:2]


def test_what_was_asked_is_in_the_log_and_what_was_not_recorded_is_counted(theirs, ours):
    """After the questions above, of which each was asked once."""
    recorded = sum(rows for *_, rows in PREDICTIONS.values())
    ours.wait_until(lambda: len(ours.rows()) >= recorded)
    rows = ours.rows()
    assert len(rows) == recorded
    assert Counter(row["age"] for row in rows) == {31.5: recorded - 9, 40.0: 8, None: 1}
    assert {type(row["visits"]) for row in rows} == {int}
    assert {row["plan"] for row in rows} >= {"basic", "família", "007", "\x00</script>"}
    assert all(
        row["__prediction"] == row["age"] for row in rows if row["__prediction"] != 63.0 and row["age"]
    )
    assert {row["since"] for row in rows} == {None, datetime(2026, 1, 1)}
    assert all(row["__latency"] > 0 for row in rows)
    counted = ours.counted()
    dropped = {name: value for name, value in counted.items() if name.startswith("monitor_dropped")}
    assert dropped == {
        'monitor_dropped_total{model="churn",reason="columns"}': 1,
        'monitor_dropped_total{model="churn",reason="body"}': 2,
    }
    assert counted['mlflow_model_predictions_total{model="churn"}'] == recorded + 3
    assert counted['mlflow_prediction_latency_seconds_count{model="churn"}'] == len(PREDICTIONS) + 1
    by_status = Counter(str(status) for *_, status in REFUSED.values())
    for status, number in by_status.items():
        assert counted[f'prediction_errors_total{{model="churn",status="{status}"}}'] == number
    expected = {
        ("plan", "missing"): 1, ("visits", "type"): 1, ("visits", "null"): 1, ("age", "null"): 1,
        ("age", "type"): 1, ("more", "extra"): 1,
    }  # fmt: skip
    log = InferenceLog(ours.log)
    ours.wait_until(lambda: log.tally("churn", "3", ALWAYS).errors == by_status)
    assert log.tally("churn", "3", ALWAYS) == Tally(by_status, expected)
    for (column, kind), number in expected.items():
        assert (
            counted[f'signature_violations_total{{feature="{column}",kind="{kind}",model="churn"}}'] == number
        )
    ours.wait_until(lambda: log.dropped("churn", ALWAYS).rows == 3)


def test_ids_of_the_client_and_of_a_batch(ours):
    assert ours.predict(ROW, X_Request_Id="order-7")[2]["x-prediction-id"] == "order-7"
    assert ours.predict([ROW, OTHER], X_Request_Id="order-8")[2]["x-prediction-id"] == "order-8"
    made = ours.predict(ROW)[2]["x-prediction-id"]
    wanted = {"order-7", "order-8.0", "order-8.1", made}
    ours.wait_until(lambda: wanted <= {row["__id"] for row in ours.rows()})


def test_both_workers_answer_and_each_shows_the_sum_and_has_a_name_of_its_own(ours):
    before = ours.count("mlflow_model_predictions_total")

    def ask():
        for _ in range(10):
            assert ours.predict(ROW)[0] == 200

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours.wait_until(lambda: ours.count("mlflow_model_predictions_total") == before + 60)
    assert {ours.count("mlflow_model_predictions_total") for _ in range(20)} == {before + 60}

    def names():
        return {row["__id"].partition("-")[0] for row in ours.rows() if not row["__id"].startswith("order")}

    # which worker takes a connection is the kernel's choice
    ours.wait_until(lambda: ours.predict(ROW)[0] == 200 and len(names()) == 2)
    assert len(names()) == 2


def children(server):
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    found = {int(one) for one in listed.split()}
    server.known |= found
    return found


def lives(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_are_killed_and_replaced_and_the_rest_ends_gracefully(model, tmp_path):
    with ours_at(model, tmp_path, "--workers", "2") as server:
        answered, stop = {}, threading.Event()

        def ask(name):
            number = 0
            while not stop.is_set():
                number += 1
                with contextlib.suppress(OSError, http.client.HTTPException):
                    status, _, headers = server.predict(ROW, X_Request_Id=f"{name}-{number}", timeout=20)
                    assert status == 200
                    answered[headers["x-prediction-id"]] = time.monotonic()

        threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in "abcd"]
        for thread in threads:
            thread.start()
        server.wait_until(lambda: len(answered) > 200)
        time.sleep(0.5)
        first = children(server)
        victim = min(first)
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        server.wait_until(lambda: len(children(server) - {victim}) == 2)
        server.wait_until(lambda: any(f"worker {victim} ended with code -9" in line for line in server.lines))
        begun = len(answered)
        server.wait_until(lambda: len(answered) > begun + 100)
        stop.set()
        for thread in threads:
            thread.join()
        # a request that is being answered when the end comes is answered, and recorded
        late = []
        last = threading.Thread(
            target=lambda: late.append(server.predict({**ROW, "age": -2}, X_Request_Id="z"))
        )
        last.start()
        time.sleep(0.3)
        everyone = children(server)
        assert server.end() == 0
        last.join()
        assert late[0][0] == 200
        server.wait_until(lambda: not any(lives(one) for one in everyone), 5)
        table = InferenceLog(tmp_path / "log")
        table.repair()
        ids = [row["__id"] for row in server.rows()]
        assert len(ids) == len(set(ids)), "no row came twice"
        # 0.2 s until it is read and 0.2 s until it is synced, on a machine that does other things as well;
        # and an answer that came just before the kill is seen here a little after it
        owed = {name for name, when in answered.items() if not killed - 1.5 < when <= killed + 0.5}
        assert (owed | {"z"}) - set(ids) == set()
        assert not list(tmp_path.rglob("*.arrow"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_worker_outlives_its_launcher(model, tmp_path):
    with ours_at(model, tmp_path) as server:
        assert server.predict(ROW, X_Request_Id="last")[0] == 200
        workers = children(server)
        server.end(signal.SIGKILL)
        server.wait_until(lambda: not any(lives(one) for one in workers), 10)
        assert [row["__id"] for row in server.rows()] == ["last"], (
            "what was answered is recorded all the same"
        )


@pytest.mark.server
def test_an_alias_is_served_as_the_version_that_it_points_to(model, mlflow_server, tmp_path):
    import mlflow

    mlflow.set_tracking_uri(mlflow_server)
    client = mlflow.MlflowClient(mlflow_server)
    with warnings.catch_warnings(), mlflow.start_run() as run:
        warnings.simplefilter("ignore")
        client.log_artifacts(run.info.run_id, str(model), "model")
        client.create_registered_model("served é")
        for number in ("1", "2"):
            source = f"{run.info.artifact_uri}/model"
            assert client.create_model_version("served é", source, run.info.run_id).version == number
    client.set_registered_model_alias("served é", "champion", "1")
    uri = "models:/served é@champion"
    with ours_at(uri, tmp_path, about=(), MLFLOW_TRACKING_URI=mlflow_server) as server:
        assert server.predict(ROW)[0] == 200
        client.set_registered_model_alias("served é", "champion", "2")
        assert server.end() == 0
        assert any("Serving served é, version 1, at" in line for line in server.lines)
    assert InferenceLog(tmp_path / "log").models() == [("served é", "1")]
    assert InferenceLog(tmp_path / "log").scan("served é").num_rows == 1
