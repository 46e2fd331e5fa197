"""Bodies that mean harm, through the middleware: the process stays small, and each is skipped and counted."""

import json
import os
import subprocess
import sys

import pytest

ROUNDS = max(int(os.environ.get("MIRANTE_KILLS", "3")) // 4, 3)

SERVE = """
import asyncio, json, resource, sys
from mirante import CaptureMiddleware, InferenceLog

MB = 1 << 20
seen = 0

async def app(scope, receive, send):
    "Answers how many bytes came, and keeps none of them."
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"score": 0.5, "bytes": %d}' % size})

served = CaptureMiddleware(app, "m", log=sys.argv[1], path="/predict", prediction="score", metrics="/metrics")

def post(pieces, path="/predict"):
    answers, waiting = [], list(pieces)
    async def receive():
        piece = waiting.pop(0) if waiting else b""
        piece = piece() if callable(piece) else piece
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}
    async def send(message):
        answers.append(message)
    scope = {"type": "http", "method": "GET" if path == "/metrics" else "POST", "path": path,
             "raw_path": path.encode(), "query_string": b"", "root_path": "",
             "headers": [(b"content-type", b"application/json")]}
    asyncio.run(served(scope, receive, send))
    return b"".join(one.get("body", b"") for one in answers).decode()

def megabyte():
    return b"x" * MB

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

BODIES = {
    "good": [json.dumps({"age": 31}).encode()],
    "50 MB": [b'{"age": "', *[megabyte] * 50, b'"}'],
    "deep": [b"[" * 1_000_000],
    "deep and closed": [b'{"a":' * 50_000 + b"1" + b"}" * 50_000],
    "10,000 columns": [json.dumps({f"c{n}": n for n in range(10_000)}).encode()],
    "NUL": [json.dumps({"age": 3, "te\\x00xt": "a\\x00b"}).encode()],
    "wrong types": [json.dumps({"age": [{"a": [1, None]}]}).encode()],
    "not UTF-8": [b"\\xff\\xfe\\x00"],
    "half": [b'{"age": 3'],
    "huge number": [b'{"age": ' + b"9" * 4_000 + b"}"],
}
answers = {name: post(body) for name, body in BODIES.items()}
before = peak()
for _ in range(int(sys.argv[2])):
    for name, body in BODIES.items():
        assert post(body) == answers[name], name
after = peak()
served.close()
counted = post([], "/metrics")
rows = InferenceLog(sys.argv[1]).scan("m", columns=["__id"]).num_rows
print(json.dumps([answers, before, after, counted, rows]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory in kB")
def test_the_process_stays_small_and_each_body_is_recorded_or_counted(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path), str(ROUNDS)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    answers, before, after, counted, rows = json.loads(done.stdout)
    assert json.loads(answers["50 MB"])["bytes"] == 50 * 2**20 + 11
    assert all(json.loads(one)["score"] == 0.5 for one in answers.values())
    assert after - before < 64, "a body of 50 MB is not kept"
    asked = len(answers) * (ROUNDS + 1)
    lost = {
        line.partition('reason="')[2].partition('"')[0]: float(line.rpartition(" ")[2])
        for line in counted.splitlines()
        if line.startswith("monitor_dropped_total")
    }
    assert rows + sum(lost.values()) == asked, (rows, lost)
    assert lost["body"] == lost["columns"] == ROUNDS + 1
    print(
        f"\n{asked} requests, {ROUNDS + 1} of them of 50 MB: peak {before:.0f} MB, at the end {after:.0f} MB"
    )
    print(f"{rows} rows recorded, skipped by reason: {lost}")
