"""The frames that a notebook gets: the same from a store and from a service."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pandas as pd
import pytest

from mirante.client import Monitoring
from mirante.errors import InputError
from tests.web.conftest import DAYS, HOSTILE, MODEL

SAME = [
    lambda m: m.subjects(),
    lambda m: m.readings(),
    lambda m: m.readings("drift_detected", subject=MODEL),
    lambda m: m.readings(["predictions", "drift_share"], since="2013-02-01", until=date(2013, 2, 10)),
    lambda m: m.readings("nothing_of_the_kind"),
    lambda m: m.windows(MODEL),
    lambda m: m.windows(MODEL, since="2013-02-08T00:00:00-05:00", until="2013-02-10"),
    lambda m: m.windows("host/none"),
    lambda m: m.profile_metrics(MODEL),
    lambda m: m.profile_metrics(MODEL, since="2013-03-28", until="2013-03-30"),
    lambda m: m.drift_metrics(MODEL),
    lambda m: m.drift_metrics("host/none"),
    lambda m: m.alerts(),
    lambda m: m.alerts(subject=MODEL, state=["firing", "pending"]),
    lambda m: m.alerts(until="1999-01-01"),
]


@pytest.mark.parametrize("ask", SAME)
def test_a_store_and_a_service_say_the_same(local: Monitoring, remote: Monitoring, ask):
    pd.testing.assert_frame_equal(ask(local), ask(remote))


def test_readings_are_tidy(local: Monitoring):
    found = local.readings("drift_effect", subject=MODEL)
    assert found.columns.tolist() == ["time", "name", "value", "alias", "feature", "model", "version", "note"]
    assert len(found) == 5 * DAYS
    assert str(found["time"].dtype) == "datetime64[us, UTC]"
    assert found["time"].iloc[0] == pd.Timestamp("2013-01-01T05:00Z")
    assert found.groupby("feature", observed=True)["value"].count().tolist() == [DAYS] * 5
    verdicts = local.readings("drift_detected", subject=MODEL)
    assert verdicts["note"].str.contains("drift").all()


def test_labels_that_not_all_have_are_missing(local: Monitoring):
    found = local.readings(["predictions", "system_cpu_percent"])
    assert found.loc[found["name"] == "predictions", "host"].isna().all()
    assert found.loc[found["name"] == "system_cpu_percent", "host"].unique().tolist() == ["web-1"]


@pytest.mark.parametrize(
    "moment",
    [
        "2013-02-08T05:00:00Z",
        "2013-02-08 00:00-05:00",
        datetime(2013, 2, 8, 5),
        datetime(2013, 2, 8, tzinfo=timezone(timedelta(hours=-5))),
        pd.Timestamp("2013-02-08T05:00Z"),
    ],
)
def test_any_sort_of_time(local: Monitoring, moment):
    found = local.readings("predictions", subject=MODEL, since=moment)
    assert found["time"].iloc[0] == pd.Timestamp("2013-02-08T05:00Z")


def test_windows_say_what_was_found(local: Monitoring):
    found = local.windows(MODEL).set_index("start").loc[pd.Timestamp("2013-02-08T05:00Z")]
    assert found["drifted"]
    assert set(found["drifted_columns"]) == {"dep_delay", "prediction"}
    assert "dep_delay" in found["missing_columns"]
    assert 0 < found["latency_p95"] < 1
    assert 0.4 < found["performance_accuracy"] < 0.7


def test_tables_say_what_columns_looked_like_and_how_far_they_moved(local: Monitoring):
    seen = local.profile_metrics(MODEL, since="2013-02-08", until="2013-02-09").set_index("feature")
    assert seen.loc["dep_delay", "missing_ratio"] > 0.4
    assert 0.4 < seen.loc[":table", "performance_accuracy"] < 0.7
    moved = local.drift_metrics(MODEL, since="2013-02-08", until="2013-02-09").set_index("feature")
    assert set(moved.index[moved["drifted"] == True]) == {":table", "dep_delay", "prediction"}  # noqa: E712  as pandas has it
    assert str(moved["window_start"].dtype) == "datetime64[us, UTC]"


def test_alerts_newest_first(local: Monitoring):
    found = local.alerts()
    assert found["active_at"].is_monotonic_decreasing
    assert found["labels"].iloc[-1]["feature"] == "dep_delay"


@pytest.mark.parametrize("wrong", ["yesterday", "", "2013-13-01"])
def test_what_is_no_time_is_said(local: Monitoring, wrong: str):
    with pytest.raises(InputError, match="since is"):
        local.readings(since=wrong)


def test_what_is_no_state_is_said(local: Monitoring):
    with pytest.raises(InputError, match="'burning' is no state"):
        local.alerts(state="burning")


def test_it_shows_itself(local: Monitoring, remote: Monitoring, full_url: str, address: str):
    page = local._repr_html_()
    assert f"subjects at {full_url}" in page
    assert MODEL in page
    assert HOSTILE[0] not in page
    assert "&lt;img src=x" in page
    assert address in remote._repr_html_()
    assert repr(remote) == f"<Monitoring of {address}>"


def test_it_has_nothing_to_write_with(local: Monitoring):
    public = {name for name in dir(local) if not name.startswith("_")}
    assert public == {
        "name",
        "subjects",
        "readings",
        "windows",
        "profile_metrics",
        "drift_metrics",
        "alerts",
        "close",
    }
