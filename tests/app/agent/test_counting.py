import base64
import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from mirante.app.agent.counting import VersionCounter
from mirante.app.agent.files import read_checked, write_checked
from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors.slices.resolving import resolve
from mirante.monitors.slices.sending import offer_slices, offered_slices, unpack_slices
from mirante.monitors.windowparts import unpack_window
from mirante.monitors.windows import Window
from mirante.profiles import TableProfile
from mirante.web.api.agent_models import AgentJob
from tests.app.agent.site import HOUR, MINUTE, START, record, small_baseline

LATE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def baseline():
    return small_baseline()


def job(**more):
    about = {"subject": "model/churn@champion", "version": "1", "model": "churn", "digest": "0" * 32}
    about |= {"window": "1h", "timezone": "UTC", "lateness": LATE.total_seconds(), "since": None}
    return AgentJob(**{**about, **more})


@pytest.fixture
def counter(tmp_path, baseline):
    log = InferenceLog(tmp_path / "log")

    def make(like=baseline, slices=None, **more):
        return VersionCounter(job(**more), like, log, tmp_path, slices)

    return make


def test_a_window_is_given_once_it_is_over_and_until_it_is_sent(counter, tmp_path, baseline):
    record(tmp_path / "log", 0, 30)
    record(tmp_path / "log", 1, 20)
    one = counter()
    assert one.mark is None
    assert one.advance(START + HOUR) == []
    assert one.mark == START
    (window,) = one.advance(START + HOUR + LATE)
    assert one.mark == START  # the window is not in the spool yet
    assert one.advance(START + 3 * HOUR) == [window] == counter().advance(START + 3 * HOUR)  # killed here
    json.dumps(window, allow_nan=False)
    one.sent()
    assert one.mark == START + HOUR
    found = unpack_window(window, START, START + HOUR, baseline.profile)
    rows = InferenceLog(tmp_path / "log").scan("churn", start=START, end=START + HOUR)
    said = rows.append_column("prediction", rows["__prediction"])
    assert found.profile == TableProfile.of(said, like=baseline.profile)
    assert (found.rows, found.window) == (30, Window(START, START + HOUR))
    assert found.top_outliers == []  # they are rows
    one = counter()
    assert [window["rows"] for window in one.advance(START + 3 * HOUR)] == [20]
    one.sent()
    assert one.advance(START + 5 * HOUR) == []
    assert one.mark == START + 4 * HOUR


def test_rows_that_come_after_their_window_are_counted_as_late(counter, tmp_path):
    record(tmp_path / "log", 0, 30)
    one = counter()
    one.advance(START + 2 * HOUR)
    one.sent()
    record(tmp_path / "log", 0, 7, name="late")
    record(tmp_path / "log", 2, 5)
    record(tmp_path / "log", 2, 9, version="2")
    assert one.advance(START + 3 * HOUR) == []
    assert (one.late, counter().late) == (7, 7)
    assert [window["rows"] for window in one.advance(START + 4 * HOUR)] == [5]


def test_what_is_judged_already_is_not_counted(counter, tmp_path):
    record(tmp_path / "log", 0, 30)
    record(tmp_path / "log", 1, 20)
    one = counter(since=START + HOUR)
    assert [window["rows"] for window in one.advance(START + 3 * HOUR)] == [20]
    assert one.late == 0


def test_with_another_baseline_what_is_not_sent_is_counted_anew(counter, tmp_path):
    record(tmp_path / "log", 0, 30)
    record(tmp_path / "log", 1, 20)
    one = counter()
    one.advance(START + HOUR + 10 * MINUTE)
    one.sent()
    other = small_baseline(seed=2)
    two = counter(digest="1" * 32, like=other)
    (window,) = two.advance(START + 3 * HOUR)
    assert window["rows"] == 20
    assert (
        TableProfile.of({}, like=other.profile) + unpack_window(window, START, START, other.profile).profile
    )


def test_a_damaged_state_begins_anew(counter, tmp_path):
    record(tmp_path / "log", 0, 30)
    one = counter()
    one.advance(START + HOUR)
    (state,) = tmp_path.glob("*.state")
    state.write_bytes(b"torn")
    assert [window["rows"] for window in counter().advance(START + 2 * HOUR)] == [30]
    one.remove()
    one.remove()
    assert list(tmp_path.glob("*.state")) == []


def test_a_step_that_failed_leaves_nothing_behind(counter, tmp_path, monkeypatch):
    record(tmp_path / "log", 0, 30)
    one = counter()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mirante.app.agent.counting.write_checked", full)
        with pytest.raises(OSError, match="No space"):
            one.advance(START + HOUR)
    assert [window["rows"] for window in one.advance(START + 2 * HOUR)] == [30]


def test_a_clock_that_is_set_back_gives_no_window_twice(counter, tmp_path):
    record(tmp_path / "log", 0, 30)
    one = counter()
    assert len(one.advance(START + 3 * HOUR)) == 1
    one.sent()
    assert one.advance(START) == []
    assert one.mark == START + 2 * HOUR


def test_a_window_that_is_large_is_rounded_once_when_it_is_over(counter, tmp_path, baseline, monkeypatch):
    monkeypatch.setattr("mirante.app.agent.counting.MOST_EXACT", 0)
    record(tmp_path / "log", 0, 400)
    one = counter()
    one.advance(START + HOUR)
    record(tmp_path / "log", 0, 300, name="more")
    one = counter()  # killed here
    (window,) = one.advance(START + 2 * HOUR)
    found = unpack_window(window, START, START + HOUR, baseline.profile)
    rows = InferenceLog(tmp_path / "log").scan("churn", start=START, end=START + HOUR)
    whole = TableProfile.of(rows.append_column("prediction", rows["__prediction"]), like=baseline.profile)
    assert found.profile == whole
    once = TableProfile.from_bytes(whole.to_bytes(like=baseline.profile), like=baseline.profile)
    assert found.profile.numbers.sums == pytest.approx(once.numbers.sums, rel=1e-12)
    assert found.profile.numbers.sums != pytest.approx(whole.numbers.sums, rel=1e-12)


def test_rows_say_what_they_are_worth_before_they_stay_here(counter, tmp_path):
    known = small_baseline(labels=True)
    record(tmp_path / "log", 0, 30)
    one = counter(like=known)
    one.advance(START + HOUR)
    record(tmp_path / "log", 0, 12, name="more")
    (window,) = counter(like=known).advance(START + 2 * HOUR)  # killed in between
    found = unpack_window(window, START, START + HOUR, known.profile).estimated
    rows = InferenceLog(tmp_path / "log").scan("churn", start=START, end=START + HOUR)
    asked = known.estimator.gather(rows["__prediction"].to_numpy())
    assert (found.rows, found.predicted) == (42, 42)
    assert found.sums == pytest.approx(asked.sums, rel=1e-12)


def test_predictions_of_another_kind_are_counted_and_say_nothing(counter, tmp_path):
    known = small_baseline(labels=True)
    for name in ("odd", "odder"):
        with Recorder("churn", tmp_path / "log", version="1") as recorder:
            recorder.log({"age": [1.0], "plan": ["pro"]}, [7.0], id=[name], time=[START])
        one = counter(like=known)
        with capture_logs() as logs:
            one.advance(START + MINUTE)
    (told,) = [one for one in logs if one["event"] == "performance not estimated"]
    assert "7 is not in [0, 1]" in told["error"]
    (window,) = one.advance(START + 2 * HOUR)
    assert window["rows"] == 2
    assert "estimated" not in window


def test_slices_are_counted_beside_all_rows_and_over_restarts(counter, tmp_path, monkeypatch):
    known = small_baseline(slices=["plan", "age >= 45"])
    resolved = offered_slices(offer_slices(resolve(None, known, "churn")))
    record(tmp_path / "log", 0, 30)
    record(tmp_path / "log", 1, 10)
    one = counter(like=known, slices=resolved)
    one.advance(START + HOUR)
    record(tmp_path / "log", 0, 12, name="more")
    (window,) = counter(like=known, slices=resolved).advance(START + HOUR + LATE)  # killed in between
    found = unpack_slices(window["slices"], resolved, window["rows"])
    rows = InferenceLog(tmp_path / "log").scan("churn", start=START, end=START + HOUR).to_pandas()
    counts = {resolved.slices[place].slice.label: profile.rows for place, profile in found.items()}
    assert counts == {
        "plan=basic": (rows["plan"] == "basic").sum(),
        "plan=pro": (rows["plan"] == "pro").sum(),
        "age >= 45": (rows["age"] >= 45).sum(),
    }
    one = counter(like=known, slices=resolved)
    one.sent()
    monkeypatch.setattr("mirante.app.agent.counting._MOST_BYTES", 100)
    with capture_logs() as logs:
        (window,) = one.advance(START + 2 * HOUR + LATE)
    assert (window["rows"], window.get("slices")) == (10, None)
    assert [line["most"] for line in logs if line["event"] == "slices are too large to be sent"] == [100]


def test_a_window_with_more_slices_than_a_batch_may_have_is_taken_up_again(counter, tmp_path, monkeypatch):
    known = small_baseline(slices=["plan", "age >= 45"])
    resolved = offered_slices(offer_slices(resolve(None, known, "churn")))
    record(tmp_path / "log", 0, 30)
    counter(like=known, slices=resolved).advance(START + MINUTE)
    for place in ("monitors.windowparts", "app.agent.counting"):
        monkeypatch.setattr(f"mirante.{place}.MOST_UNPACKED", 1_000)
    with capture_logs() as logs:
        (window,) = counter(like=known, slices=resolved).advance(START + 2 * HOUR)  # killed in between
    assert (window["rows"], window.get("slices")) == (30, None)
    assert [line["event"] for line in logs] == ["slices are too large to be sent"]


def test_open_windows_that_an_older_release_counted_otherwise_are_counted_anew(counter, tmp_path):
    record(tmp_path / "log", 0, 30)
    record(tmp_path / "log", 1, 20)
    one = counter()
    assert len(one.advance(START + HOUR + 10 * MINUTE)) == 1
    one.sent()
    (state,) = tmp_path.glob("*.state")
    form, _, body = read_checked(state)
    known = json.loads(body)
    own = TableProfile.of({"latency": [0.1] * 20})
    known["open"][0]["latency"] = base64.b64encode(own.to_bytes()).decode()
    write_checked(state, json.dumps(known).encode(), form)
    with capture_logs() as logs:
        one = counter()
    assert "other edges" in logs[0]["error"]
    assert one.mark == START + HOUR
    assert [window["rows"] for window in one.advance(START + 3 * HOUR)] == [20]
    assert one.late == 0
