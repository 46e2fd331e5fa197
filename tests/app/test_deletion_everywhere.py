"""Deleted rows are in no file: log, archive, store, pages, exports; and there marked values never were."""

import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from mirante.app.dashboard import make_dashboard
from mirante.app.deletion import delete_from_logs
from mirante.app.settings import load_settings
from mirante.app.tables import make_tables
from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.model import ModelMonitor
from mirante.store import Store
from mirante.web.pages import Query, alerts_page, model_page, overview
from tests.app.test_privacy_everywhere import PRIVACY, ROWS, SECRETS, frame, holding

GONE = [f"PERSON-4711-{day}" for day in range(3)]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_deleted_rows_are_found_nowhere_while_others_have_the_store_open(tmp_path):
    archive = f"file://{tmp_path}/archive"
    (tmp_path / "mirante.yaml").write_text(
        f"store: sqlite:///mirante.db\nhost: {{enabled: false}}\nmodels:\n- {{model: m, log: rows, "
        f'window: 1d, label_delay: 0s, archive: "{archive}"}}\n'
    )
    settings = load_settings(tmp_path / "mirante.yaml")
    config, log = settings.models[0], InferenceLog(tmp_path / "rows", archive)
    normal = PRIVACY.apply(pd.concat([frame(seed) for seed in range(5)], ignore_index=True)).to_pandas()
    baseline = ModelBaseline.fit(normal, np.random.default_rng(1).random(len(normal)), clock=config.clock())
    with Store(settings.store_address()) as store:
        store.labels.write("m", GONE, [1.0, 0.0, 1.0], START)
        store.baselines.put(baseline.row(config.subject, "1", START))
        for day in range(3):
            with Recorder("m", tmp_path / "rows", version="1", privacy=PRIVACY) as recorder:
                times = pd.date_range(START + day * DAY, periods=ROWS, freq="60s")
                recorder.log(frame(day + 100), np.full(ROWS, 0.5), 0.003, time=times)
                strange = {**frame(day).iloc[0].to_dict(), "age": 900.0}
                recorder.log(strange, 0.5, time=times[0], id=GONE[day])
            if day == 0:
                assert log.move("m", datetime.now(UTC) + DAY).segments
        ModelMonitor(config, "1", baseline, store, log).advance(START + 4 * DAY)
        write_all(tmp_path, settings, store, config.subject, log)
        for one in GONE:
            found = holding([tmp_path], one)
            assert {"mirante.db", "rows.parquet", "rows.csv"} <= found or "mirante.db-wal" in found
        assert holding([tmp_path / "archive"], GONE[0])
        assert holding([tmp_path / "rows"], GONE[1])
        done = delete_from_logs(settings, [log], GONE, column="__id", models=None, by="a test", wait=10.0)
        assert done.finished
        shutil.rmtree(tmp_path / "out")  # what was saved before is not Mirante's to rewrite
        write_all(tmp_path, settings, store, config.subject, log)
        for one in GONE:
            assert holding([tmp_path], one) == set(), one
        assert holding([tmp_path / "out"], PRIVACY.digest("CUST-90")) >= {"rows.parquet", "rows.csv"}
        for secret in SECRETS:
            assert holding([tmp_path], secret) == set(), secret
    for one in GONE:
        assert holding([tmp_path], one) == set(), one


def write_all(folder, settings, store, subject, log):
    """Write all that Mirante writes for people."""
    out = folder / "out"
    out.mkdir()
    now = START + 4 * DAY
    whole = {"subject": subject, "range": "all"}
    pages = {
        "overview": overview(store, Query({}, now=now, path="/")),
        "model": model_page(store, subject, Query(whole, now=now, path="/model")),
        "alerts": alerts_page(store, Query({}, now=now, path="/alerts")),
    }
    for name, html in pages.items():
        (out / f"{name}.html").write_text(html)
    make_dashboard(settings, store, out / "dashboard.html")
    make_tables(store, out / "tables")
    for form in ("parquet", "csv"):
        log.export("m", out / f"rows.{form}")
