"""The charts of a host, from readings that real sources write, and its table of processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from mirante.readings import READINGS, Reading
from mirante.store import Store
from mirante.web.pages import drawing, host_page
from mirante.web.pages import hostcharts as module
from mirante.web.pages.hostcharts import host_charts
from mirante.web.pages.query import TimeRange
from tests.web.conftest import HOSTILE, NOW
from tests.web.test_pages import Reader, ask

HOST = "host/h"
SPAN = TimeRange("24h", NOW - timedelta(days=1), NOW + timedelta(minutes=1))


def write(store: Store, values: dict[str, list[float]], **labels: str) -> None:
    store.readings.write(
        Reading(name, value, NOW - (len(row) - 1 - place) * timedelta(minutes=1), {"host": "h", **labels})
        for name, row in values.items()
        for place, value in enumerate(row)
    )


def keys(store: Store) -> dict[str, list[str]]:
    groups = host_charts(store, HOST, SPAN, [], ask("/host"))
    return {group.title: [chart.key for chart in group.charts] for group in groups}


def test_every_name_is_one_of_the_table() -> None:
    assert set(module._NAMES) <= set(READINGS)
    assert len(set(module._NAMES)) == len(module._NAMES)


def test_what_is_not_there_has_no_chart(empty_store: Store) -> None:
    write(empty_store, {"system_cpu_percent": [5, 6], "system_swap_percent": [0, 0]})
    assert keys(empty_store) == {"CPU and memory": ["usage"]}


def test_all_that_there_may_be(empty_store: Store) -> None:
    write(
        empty_store,
        {
            name: [1.0, 2.0, 4.0]
            for name in module._NAMES
            if not name.startswith(("system_gpu", "system_mount"))
        },
    )
    for gpu in "01":
        write(empty_store, {name: [1.0, 2.0] for name in module._NAMES if "_gpu_" in name}, gpu=gpu)
    write(empty_store, {"system_mount_percent": [50, 51]}, mount=HOSTILE[0])
    assert keys(empty_store) == {
        "CPU and memory": ["usage", "load", "processes"],
        "Disks": ["mounts", "disk_traffic"],
        "Network": ["network", "network_faults"],
        "Container": ["container", "throttled"],
        "GPU": ["gpu", "gpu_heat", "gpu_power"],
    }


def test_no_faults_is_no_chart(empty_store: Store) -> None:
    write(empty_store, {"system_network_errors_total": [7, 7, 7], "system_network_dropped_total": [0, 0, 0]})
    assert keys(empty_store) == {}


def test_a_counter_is_a_rate_and_a_restart_a_gap(empty_store: Store) -> None:
    write(empty_store, {"system_disk_read_bytes_total": [0, 600, 30, 90]})
    (series,) = empty_store.readings.series("system_disk_read_bytes_total", subject=HOST)
    line = drawing._line(series, "read", rate=True)
    np.testing.assert_array_equal(line.values, [10, np.nan, 1])


@pytest.fixture
def busy(empty_store: Store) -> Store:
    write(empty_store, {"system_cpu_percent": [90, 95]})
    for rank, (name, value) in enumerate((("python3 (4312)", 61.5), (HOSTILE[0], 12.0)), start=1):
        for reading, factor in (("system_process_cpu_percent", 1.0), ("system_process_memory_bytes", 1e7)):
            labels = {"host": "h", "rank": str(rank)}
            empty_store.readings.write([Reading(reading, value * factor, NOW, labels, name)])
    old = {"host": "h", "rank": "3"}
    empty_store.readings.write(
        [Reading("system_process_cpu_percent", 1.0, NOW - timedelta(minutes=1), old, "gone (7)")]
    )
    return empty_store


def test_processes_are_a_table_of_the_last_look(busy: Store) -> None:
    reader = Reader(host_page(busy, HOST, ask("/host", subject=HOST)))
    assert "python3 (4312) 61.5 %" in reader.text
    assert "python3 (4312) 615 MB" in reader.text
    assert HOSTILE[0] in reader.text
    assert "gone (7)" not in reader.text
    assert [tag for tag in reader.tags if tag[0] == "img"] == []
    assert "system_process" not in reader.text, "not once more among the newest readings"


def test_other_subjects_have_neither(store: Store) -> None:
    html = host_page(store, "monitor", ask("/host", subject="monitor"))
    assert "<h3>" not in html
    assert 'id="processes"' not in html
    found: Any = Reader(html).text
    assert "monitor_queue_length" in found
