"""What is dropped or hashed is in no file: log, store, profiles, pages, MLflow, exports, output."""

import io
import json
import subprocess
import sys
import zipfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder
from mirante.errors import InputError
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.windows import WindowClock
from mirante.profiles import TableProfile
from mirante.store import Store
from mirante.tracking.client import connect
from tests.app.test_service import QUIET, get, service, until
from tests.monitors.registry import register

KEY = "a key that nobody else has"
PRIVACY = Privacy(drop=["name", "mail"], hash=["customer"], key=KEY)
SECRETS = ["Ermengarde", "@private.example", "CUST-9", KEY]
ROWS = 300


def frame(seed, *, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "name": [f"Ermengarde {number}" for number in range(ROWS)],
            "mail": [f"u{number}@private.example" for number in range(ROWS)],
            "customer": [f"CUST-9{number % 50}" for number in range(ROWS)],
            "age": rng.normal(40 + shift, 10, ROWS),
        }
    )


def contents(path):
    """Yield a file's bytes, and what its compressed parts say."""
    data = path.read_bytes()
    yield data
    if path.suffix == ".parquet":
        yield str(pq.read_table(path).to_pylist()).encode()
    elif path.suffix == ".arrow":
        with pa.ipc.open_stream(data) as stream:
            batches = []
            with suppress(OSError, pa.ArrowInvalid):  # it has no end mark while it is written
                batches.extend(stream)
            yield str([batch.to_pylist() for batch in batches]).encode()
    elif zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    elif path.suffix == ".bin":
        yield from profile_words(data)
    elif path.name == "mirante.db":
        with Store(f"sqlite:///{path}") as store:
            for subject in store.readings.subjects():
                for row in store.windows.list(subject.subject, with_profile=True):
                    yield json.dumps(dict(row.verdicts)).encode()
                    yield from profile_words(row.profile)
                for kept in store.baselines.list(subject.subject):
                    yield from profile_words(kept.profile)


def profile_words(data):
    try:
        profile = TableProfile.from_bytes(data)
    except InputError:
        return
    yield str([(name, getattr(column, "levels", ())) for name, column in profile.columns.items()]).encode()


def holding(folders, needle):
    return {
        path.name
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and any(needle.encode() in part for part in contents(path))
    }


@pytest.mark.server
def test_marked_values_are_found_nowhere(tmp_path, tmp_path_factory, mlflow_server):
    client = connect(mlflow_server)
    name, version = register(client)
    normal = PRIVACY.apply(pd.concat([frame(seed) for seed in range(10)], ignore_index=True)).to_pandas()
    baseline = ModelBaseline.fit(
        normal, np.random.default_rng(1).random(len(normal)), clock=WindowClock("1m")
    )
    publish_baseline(client, name, version, baseline)
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    (tmp_path / "out").mkdir()
    config = f"""{QUIET}
mlflow: {{tracking_uri: "{mlflow_server}", interval: 500ms}}
models:
  - model: {name}
    log: rows
    window: 1m
    lateness: 0s
    label_delay: 1s
    interval: 200ms
    privacy: {{drop: [name, mail], hash: [customer], key: env:HASH_KEY}}
alerts:
  channels: {{console: {{type: console}}}}
  routes: {{group_wait: 0s}}
"""
    with Recorder(name, tmp_path / "rows", version=version, privacy=PRIVACY) as recorder:
        for minute in (3, 2, 1):
            times = pd.date_range(end - timedelta(minutes=minute), periods=ROWS, freq="100ms")
            rows = frame(minute + 100, shift=60.0)
            recorder.log(rows, np.full(ROWS, 0.5), 0.003, time=times)
            recorder.log({**rows.iloc[0].to_dict(), "age": 900.0}, 0.5, time=times[0])
        assert recorder.flush(10)
        with service(tmp_path, config, HASH_KEY=KEY) as (address, _, lines):
            until(lambda: "age of" in "".join(lines), 60)
            subject = quote(f"model/{name}@champion")
            pages = ["", f"model?subject={subject}", "alerts", "rules", "status", "metrics", "api/v1/alerts"]
            for number, page in enumerate(pages):
                (tmp_path / "out" / f"page{number}").write_text(get(address, page)[1])
            until(lambda: client.search_runs([client.get_experiment_by_name("mirante").experiment_id]), 30)
        (tmp_path / "out" / "lines").write_text("".join(lines))
        for form in ("parquet", "csv"):
            log(tmp_path, "export", name, f"out/rows.{form}")
        log(tmp_path, "tail")
    [server] = tmp_path_factory.getbasetemp().glob("mlflow server[0-9]*")
    folders = [tmp_path, server]
    digest = PRIVACY.digest("CUST-90")
    where = holding(folders, digest)
    assert {"rows.parquet", "rows.csv", "sample.parquet", "mirante.db"} <= where, "the search sees it all"
    assert [path for path in where if path.endswith((".arrow", ".parquet")) and path.startswith("2")]
    for secret in SECRETS:
        assert holding(folders, secret) == set(), secret
    (tmp_path / "out" / "here").write_text(SECRETS[0])
    assert holding(folders, SECRETS[0]) == {"here"}


def log(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "mirante", "log", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with (folder / "out" / "log").open("a") as file:
        file.write(done.stdout + done.stderr)
