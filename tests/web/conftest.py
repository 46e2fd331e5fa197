"""A store with a model's three months, a host's day, alerts in every state, and names that mean harm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirante.profiles import TableProfile
from mirante.readings import Reading, model_subject
from mirante.store import AlertRow, BaselineRow, EventRow, NoticeRow, Store, WindowRow
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig

NOW = datetime(2013, 3, 31, 12, tzinfo=UTC)
FIRST = datetime(2013, 1, 1, 5, tzinfo=UTC)
DAYS = 88
STORM = 38  # 8 February
MODEL = "model/nyc-flight-delay@champion"
HOST = "host/web-1"
HOSTILE = (
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "x" * 300,
    "مراقبة\u202eevil",
    "a/../../b?c#d&e",
    "</script>",
)
FEATURES = ("dep_delay", "distance", "carrier", "prediction", '"><img src=x onerror=alert(2)>')


def _table(rng: np.random.Generator, rows: int, day: int) -> dict[str, Any]:
    storm = 4.0 if day == STORM else 1.0
    delay = rng.gamma(1.2, 18 * storm, rows)
    return {
        "dep_delay": np.where(rng.random(rows) < (0.5 if day == STORM else 0.02), np.nan, delay),
        "distance": rng.normal(1000, 300, rows),
        "carrier": rng.choice(["UA", "B6", "EV", "DL"], rows, p=[0.3, 0.3, 0.2, 0.2]),
        "prediction": np.clip(rng.beta(2, 6 / storm, rows), 0, 1),
        '"><img src=x onerror=alert(2)>': rng.normal(0, 1, rows),
    }


def _verdict(name: str, day: int, rng: np.random.Generator, rows: int) -> dict[str, Any]:
    moved = (day in (STORM, STORM + 1) and name in ("dep_delay", "prediction")) or (
        day > 70 and name == FEATURES[4]
    )
    effect = float(rng.uniform(0.15, 0.45) if moved else rng.uniform(0.005, 0.05))
    said = "drifted" if moved else "did not drift"
    change = "median 2 -> 31" if moved else "as in the baseline"
    return {
        "drifted": moved,
        "effect": effect,
        "score": "ks",
        "value": effect,
        "threshold": 0.06,
        "p_value": 1e-9 if moved else 0.4,
        "n_baseline": 26_000,
        "n_window": rows,
        "smallest_effect": 0.05,
        "missing_ratio": 0.5 if day == STORM and name == "dep_delay" else 0.02,
        "missing_detected": day == STORM,
        "new_category_ratio": 0.0,
        "sentence": f"{name} {said}: {change} (KS {effect:.2f}, {rows} rows).",
        "missing_sentence": "",
    }


def _fill_model(store: Store, model: str, days: int) -> None:
    rng = np.random.default_rng(7)
    subject = model_subject(model, "champion")
    labels = {"model": model, "alias": "champion", "version": "1"}
    base = TableProfile.of(_table(rng, 4_000, 0))
    store.baselines.put(BaselineRow(subject, "1", FIRST, base.rows, base.to_bytes(), "january"))
    readings: list[Reading] = []
    for day in range(days):
        start = FIRST + timedelta(days=day)
        rows = int(rng.normal(900, 60))
        verdicts = {name: _verdict(name, day, rng, rows) for name in FEATURES}
        drifted = [name for name, found in verdicts.items() if found["drifted"]]
        p50 = float(rng.gamma(20, 0.0002))
        latency = {"mean": p50, "p50": p50, "p95": 2.5 * p50, "p99": 4 * p50}
        losses = {
            "accuracy": 0.78 - 0.2 * (day == STORM) + rng.normal(0, 0.01),
            "log_loss": 0.4 + rng.normal(0, 0.02),
        }
        whole = {
            "predictions": rows,
            "drift_share": len(drifted) / len(FEATURES),
            "outlier_ratio": 0.2 if day == STORM else float(rng.uniform(0.005, 0.02)),
            **{f"prediction_latency_seconds_{key}": value for key, value in latency.items()},
            **({f"performance_{key}": value for key, value in losses.items()} if day < days - 1 else {}),
        }
        readings += [Reading(name, value, start, labels) for name, value in whole.items()]
        for name, found in verdicts.items():
            about = {**labels, "feature": name}
            readings.append(Reading("drift_detected", found["drifted"], start, about, found["sentence"]))
            readings += [Reading(f"drift_{k}", found[k], start, about) for k in ("effect", "p_value")]
            readings.append(Reading("missing_ratio", found["missing_ratio"], start, about))
        profile = (
            TableProfile.of(_table(rng, rows, day), like=base) if day > days - 5 or day == STORM else None
        )
        notes = {
            "columns": verdicts,
            "drifted": bool(drifted),
            "drift_share": len(drifted) / len(FEATURES),
            "outliers": int(0.01 * rows),
            "latency": latency,
            "performance": losses if day < days - 1 else None,
        }
        store.windows.put(
            WindowRow(
                subject,
                "1",
                start,
                start + timedelta(days=1),
                rows,
                closed=True,
                verdicts=notes,
                profile=profile.to_bytes() if profile else b"",
            )
        )
    store.readings.write(readings)
    store.events.add(
        EventRow(subject, FIRST + timedelta(days=20), "alias_moved", "champion moved to version 1")
    )


def _fill_table(store: Store, table: str, days: int) -> None:
    rng = np.random.default_rng(9)
    subject, labels = f"table/{table}", {"table": table}
    base = TableProfile.of(_table(rng, 4_000, 0))
    store.baselines.put(BaselineRow(subject, "1", FIRST, base.rows, base.to_bytes(), "the first windows"))
    for day in range(STORM - 3, STORM - 3 + days):
        start = FIRST + timedelta(days=day)
        found = {name: _verdict(name, day, rng, 900) for name in FEATURES}
        drifted = [name for name, one in found.items() if one["drifted"]]
        profile = TableProfile.of(_table(rng, 900, day), like=base)
        share = len(drifted) / len(FEATURES)
        notes = {
            "columns": found,
            "drifted": bool(drifted),
            "drift_share": share,
            "outliers": 9,
            "latency": {},
        }
        end = start + timedelta(days=1)
        row = WindowRow(
            subject, "1", start, end, 900, closed=True, verdicts=notes, profile=profile.to_bytes()
        )
        store.windows.put(row)
        whole = {
            "table_rows": 900,
            "drift_share": share,
            "outlier_ratio": 0.01,
            "table_rows_read_total": 900 * day,
        }
        readings = [Reading(name, value, start, labels) for name, value in whole.items()]
        for name, one in found.items():
            about = {**labels, "feature": name}
            readings.append(Reading("drift_detected", one["drifted"], start, about, one["sentence"]))
            readings.append(Reading("drift_effect", one["effect"], start, about))
            readings.append(Reading("missing_ratio", one["missing_ratio"], start, about))
        store.readings.write(readings)


def _fill_host(store: Store, host: str) -> None:
    rng = np.random.default_rng(3)
    readings = []
    for minute in range(0, 8 * 60, 2):
        time = NOW - timedelta(minutes=8 * 60 - minute)
        values = {
            "system_cpu_percent": 30 + 20 * np.sin(minute / 60) + rng.normal(0, 4),
            "system_memory_percent": 61.0,
            "system_disk_percent": 43.5,
            "system_processes": 212.0,
            "system_network_sent_bytes_total": 1e6 + minute * 5e4,
            "system_network_received_bytes_total": 3e6 + minute * 9e4,
        }
        readings += [Reading(name, float(value), time, {"host": host}) for name, value in values.items()]
    store.readings.write(readings)


def _alert(number: int, subject: str, severity: str, state: str, **more: Any) -> AlertRow:
    begun = more.pop("begun", NOW - timedelta(hours=5))
    fired = begun + timedelta(minutes=5) if state != "pending" else None
    return AlertRow(
        f"{number:032x}",
        more.pop("rule", "feature_drift"),
        more.pop("labels", {}),
        subject,
        severity,
        state,
        begun,
        fired_at=fired,
        value=0.42,
        fired_value=0.31,
        **more,
    )


def _fill_alerts(store: Store) -> None:
    labels = {"model": "nyc-flight-delay", "alias": "champion", "version": "1", "feature": "dep_delay"}
    note = "dep_delay drifted: median 2 -> 31 (KS 0.42, 880 rows)."
    storm = FIRST + timedelta(days=STORM)
    store.alerts.save_all(
        [
            _alert(
                1,
                MODEL,
                "critical",
                "firing",
                labels=labels,
                summary="dep_delay of nyc-flight-delay moved",
                note=note,
                reading_time=FIRST + timedelta(days=DAYS - 1),
            ),
            _alert(
                2,
                MODEL,
                "warning",
                "pending",
                labels={**labels, "feature": "distance"},
                summary="distance moved",
            ),
            _alert(
                3,
                MODEL,
                "critical",
                "resolved",
                labels=labels,
                summary="dep_delay of nyc-flight-delay moved",
                note=note,
                begun=storm,
                reading_time=storm,
                resolved_at=storm + timedelta(days=2),
                historic=True,
            ),
            _alert(
                4,
                HOST,
                "warning",
                "firing",
                rule="high_cpu",
                labels={"host": "web-1"},
                summary="CPU at 93% on web-1",
            ),
            _alert(
                5,
                model_subject(HOSTILE[0], "champion"),
                "warning",
                "firing",
                rule=HOSTILE[0],
                labels={"model": HOSTILE[0], "alias": "champion", "feature": HOSTILE[5]},
                summary=HOSTILE[0],
                note=HOSTILE[1],
            ),
        ]
    )
    for number, channel, status in ((1, "console", "delivered"), (2, "email", "owed"), (3, "slack", "dead")):
        store.outbox.add(
            NoticeRow(
                f"{number:032x}",
                channel,
                "first firing",
                NOW - timedelta(hours=5),
                NOW,
                1,
                status,
                error="Slack answered 404" if status == "dead" else None,
                delivered_at=NOW - timedelta(hours=4) if status == "delivered" else None,
                alert_ids=(f"{1:032x}",),
                payload={"text": "secret payload"},
            )
        )


@pytest.fixture(scope="session")
def full_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('web')}/full.db"
    with Store(url) as store:
        _fill_model(store, "nyc-flight-delay", DAYS)
        _fill_model(store, HOSTILE[0], 6)
        _fill_table(store, "flights", 6)
        _fill_host(store, "web-1")
        times = [NOW - timedelta(minutes=m) for m in (4, 2, 0)]
        store.readings.write(
            Reading("drift_share", 0.1, t, {"model": name, "alias": "a"}) for name in HOSTILE for t in times
        )
        store.readings.write(Reading("accuracy", 0.8, t, {"experiment": HOSTILE[1]}) for t in times)
        store.readings.write(Reading("monitor_queue_length", 0, t, {"queue": "outbox"}) for t in times)
        _fill_alerts(store)
    return url


@pytest.fixture
def store(full_url: str) -> Iterator[Store]:
    with Store(full_url) as opened:
        yield opened


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/empty.db") as opened:
        yield opened


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    """Calls an ASGI application without a network; headers are exactly those that are given."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.address = "127.0.0.1"

    def __call__(
        self, method: str, target: str, *, body: bytes | list[bytes] = b"", **headers: str | None
    ) -> Answer:
        path, _, query = target.partition("?")
        given: dict[str, str | None] = {"host": "127.0.0.1:8765", "accept": "text/html"} | headers
        chunks = body if isinstance(body, list) else [body]
        if not isinstance(body, list) and method != "GET":
            given.setdefault("content_length", str(len(body)))
        from urllib.parse import unquote

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (k.replace("_", "-").encode(), v.encode()) for k, v in given.items() if v is not None
            ],
            "client": (self.address, 1),
            "server": ("127.0.0.1", 8765),
        }
        sent: list[Any] = []
        waiting = [
            {"type": "http.request", "body": part, "more_body": i + 1 < len(chunks)}
            for i, part in enumerate(chunks)
        ]

        async def receive() -> Any:
            if not waiting:  # the client stays and listens
                await asyncio.Event().wait()
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        start = sent[0]
        fields = {k.decode().lower(): v.decode("latin-1") for k, v in start["headers"]}
        return Answer(start["status"], fields, b"".join(m.get("body", b"") for m in sent[1:]))

    def get(self, target: str, **headers: str | None) -> Answer:
        return self("GET", target, **headers)


@pytest.fixture
def client(store: Store) -> Client:
    return Client(create_app(store, config=WebConfig(), clock=lambda: NOW))


TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def guarded(store: Store) -> Client:
    config = WebConfig(host="0.0.0.0", token=TOKEN, allowed_hosts=("mirante.example",))
    return Client(create_app(store, config=config, clock=lambda: NOW))
