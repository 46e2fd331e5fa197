import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.errors import InputError
from mirante.inference_log import InferenceLog
from mirante.monitors.estimates import gathered
from mirante.monitors.limits.duplicates import DistinctRows
from mirante.monitors.model import ModelMonitor
from mirante.monitors.openwindow import OpenWindow, latency_template
from mirante.monitors.windowparts import (
    MOST_UNPACKED,
    AgentWindows,
    needs_baseline,
    pack_window,
    unpack_window,
    unpacked_size,
)
from mirante.monitors.windows import Window
from mirante.performance.estimated import Portion
from mirante.profiles import TableProfile
from mirante.profiles.counting import CategoryCounts, NumberCounts
from mirante.profiles.layout import Layout
from mirante.readings import Reading
from mirante.store import AgentRow, PartRow, Store
from mirante.web.security import MOST_BODY

from .conftest import START, make_rows
from .test_model import DAY, record

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def counted(root, config, baseline, day, rows, name):
    """A window that an agent counted from a log of its own."""
    own = config.model_copy(update={"log": root})
    record(own, day, count=rows, name=name)
    window = OpenWindow.empty(Window(START + day * DAY, START + (day + 1) * DAY), baseline)
    window.add(InferenceLog(root).scan("churn").drop_columns(["__version"]), baseline)
    return window


def part_of(window, agent, version="1", subject="model/churn@champion", like=None):
    content = json.dumps(pack_window(window, like)).encode()
    span = window.window
    return PartRow(subject, version, span.start, agent, span.end, window.rows, content)


def heard(store, config, until, name="web-1", at=START, version="1", moved=None):
    key = f"{config.subject}\n{version}"
    about = {"interval": 60.0} | ({} if moved is None else {"moved": {key: moved.isoformat()}})
    store.agents.put(AgentRow(name, "a", 1, 0, at, about, {key: until.isoformat()}))


def test_a_window_that_is_sent_comes_back_without_its_rows(tmp_path, config, baseline):
    window = counted(tmp_path / "a", config, baseline, 0, 120, "a")
    window.outliers, window.faults, window.passed = 3, {"count": 2}, 7
    back = unpack_window(json.loads(json.dumps(pack_window(window))), START, START + DAY)
    assert back.profile == window.profile
    assert back.latency == window.latency
    assert (back.outliers, back.passed, back.faults) == (3, 7, {"count": 2})
    assert (back.distinct.rows, back.distinct.copies) == (120, 0)
    assert back.top_outliers == []


def test_without_the_baselines_edges_it_is_the_same_and_smaller(tmp_path, config, baseline):
    window = counted(tmp_path / "a", config, baseline, 0, 120, "a")
    whole, like = pack_window(window), baseline.profile
    said = pack_window(window, like)
    assert needs_baseline(whole) is None
    assert needs_baseline(said) == like.layout.digest
    assert len(said["profile"]) < len(whole["profile"]) / 2
    back = unpack_window(said, START, START + DAY, like)
    assert back.profile == window.profile
    assert back.profile.numbers.sums.tobytes() == window.profile.numbers.sums.tobytes()
    rounded = pack_window(window, like, most=0)
    assert len(rounded["profile"]) < len(said["profile"])
    near = unpack_window(rounded, START, START + DAY, like).profile
    assert near == window.profile
    assert near.numbers.sums == pytest.approx(window.profile.numbers.sums, rel=0.01)
    with pytest.raises(InputError, match="written without its baseline"):
        unpack_window(said, START, START + DAY)
    with pytest.raises(InputError, match="another baseline"):
        unpack_window(said, START, START + DAY, like.only(["age"]))
    assert needs_baseline({"profile": "!"}) is needs_baseline({}) is None


@pytest.mark.parametrize("rows", [900, 200_000])
def test_a_window_of_2000_columns_fits_into_a_body(rows):
    rng = np.random.default_rng(0)
    columns, edges = 2_000, np.sort(rng.normal(size=1_001))
    names = tuple(f"feature_{n}" for n in range(columns))
    ones = np.ones(columns)
    layout = Layout(names, names, (), (edges,) * columns, 0 * ones, ones, ())
    cells = np.zeros((columns, 2_003), np.int64)
    cells[:, 2:-1:2] = rng.poisson(rows / 1_000, (columns, 1_000))
    cells[:, 0] = rows - cells.sum(axis=1) + (excess := np.maximum(cells.sum(axis=1) - rows, 0))
    sums = np.zeros((columns, 1_002))
    sums[:, 1:-1] = cells[:, 2:-1:2] * (edges[:-1] + rng.random((columns, 1_000)) * np.diff(edges))
    whole = np.stack((rows + excess, *[0 * excess] * 4), axis=1)
    moments = rng.random((columns, 4)), rng.random((columns, 2))
    numbers = NumberCounts(cells.ravel(), sums.ravel(), moments[0], whole, moments[1])
    profile = TableProfile(rows, layout, numbers, CategoryCounts(*[np.empty(0, np.int64)] * 2))
    window = OpenWindow(
        Window(START, START + DAY),
        profile,
        TableProfile.of({}, like=latency_template()),
        distinct=DistinctRows(),
    )
    said = pack_window(window, profile)
    assert unpacked_size(said) < MOST_UNPACKED
    assert len(json.dumps(said)) < MOST_BODY - 1_000_000  # room for hashes and marks
    assert unpack_window(said, START, START + DAY, profile).profile == profile


def test_parts_of_another_baseline_are_late(tmp_path, config, store, log, baseline):
    part = counted(tmp_path / "a", config, baseline, 0, 50, "a")
    part.profile = part.profile.only(["age"])
    store.agents.add_parts([part_of(part, "a", like=part.profile)])
    monitor = ModelMonitor(config, "1", baseline, store, log)
    with capture_logs() as told:
        assert monitor.advance(START + DAY + HOUR).late == 50
    assert "another baseline" in told[0]["error"]


def test_parts_and_own_rows_add_up_to_the_window_of_all_rows(tmp_path, config, store, log, baseline):
    whole = OpenWindow.empty(Window(START, START + DAY), baseline)
    parts = [counted(tmp_path / name, config, baseline, 0, 50 + len(name), name) for name in ("a", "bb")]
    record(config, 0, name="here")
    whole.add(log.scan("churn").drop_columns(["__version"]), baseline)
    store.agents.add_parts(
        [part_of(part, name, like=baseline.profile) for part, name in zip(parts, ("a", "bb"), strict=True)]
    )
    for part, name in zip(parts, ("a", "bb"), strict=True):
        whole.join(part, name)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    step = monitor.advance(START + DAY)
    assert (step.rows, step.late) == (120 + 51 + 52, 0)
    # killed here: the parts are in the window that is open, and are not taken again
    step = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + HOUR)
    (row,) = step.closed
    kept = store.windows.get(config.subject, START, version="1")
    assert kept.profile == whole.profile.to_bytes(parted=True)
    assert row.verdicts["agents"] == {"a": 51, "bb": 52}
    assert row.verdicts["outliers"] == whole.outliers
    assert "agents counted 103 of its 223 rows" in row.verdicts["estimated"]["detail"]
    assert list(store.agents.parts(config.subject, "1", 0)) == []


def estimates(tmp_path, name, baseline, config, *, here, agents):
    """What is estimated of the windows of one day: 240 rows, here or beside agents."""
    config = config.model_copy(update={"log": tmp_path / name})
    features, predictions, times = make_rows(0, 240)
    with Store(f"sqlite:///{tmp_path / name}.db") as store:
        log = InferenceLog(config.log)
        parts = []
        for agent, rows in {"": here, **agents}.items():
            root = config.log if not agent else tmp_path / f"{name}-{agent}"
            with Recorder("churn", root, version="1") as recorder:
                recorder.log(features[rows], predictions[rows], 0.002, time=times[rows])
            if agent:
                window = OpenWindow.empty(Window(START, START + DAY), baseline)
                table = InferenceLog(root).scan("churn").drop_columns(["__version"])
                for half in (table[: table.num_rows // 2], table[table.num_rows // 2 :]):
                    window.add(half, baseline)
                    window.gather(gathered(baseline, half))
                parts.append(part_of(window, agent))
        store.agents.add_parts(parts)
        # killed between the parts and the verdict: what agents said is kept with the open window
        ModelMonitor(config, "1", baseline, store, log).advance(START + DAY / 2)
        step = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + HOUR)
        (row,) = step.closed
        return row.verdicts["estimated"], [one.name for one in step.readings]


@pytest.mark.parametrize("here", [slice(0, 0), slice(0, 90)])
def test_estimates_of_rows_on_several_hosts_are_those_of_one_host(tmp_path, config, baseline, here):
    one, told = estimates(tmp_path, "one", baseline, config, here=slice(0, 240), agents={})
    agents = {"a": slice(here.stop, 150), "b": slice(150, 240)}
    several, again = estimates(tmp_path, "several", baseline, config, here=here, agents=agents)
    single, _ = estimates(tmp_path, "single", baseline, config, here=slice(0, 0), agents={"a": slice(0, 240)})
    assert again == told
    assert "estimated_roc_auc_threshold" in told
    for name, values in one["measures"].items():
        for part, value in values.items():
            near = {"abs": 1e-6} if name == "roc_auc" else {"rel": 1e-11}
            assert several["measures"][name][part] == pytest.approx(value, **near), (name, part)
            assert several["measures"][name][part] == pytest.approx(single["measures"][name][part], rel=1e-11)


@pytest.mark.parametrize("fault", ["older", "another"])
def test_where_an_agent_does_not_say_what_rows_are_worth_nothing_is_estimated(
    tmp_path, config, store, log, baseline, fault
):
    parts = [counted(tmp_path / name, config, baseline, 0, 50, name) for name in ("a", "b")]
    table = InferenceLog(tmp_path / "a").scan("churn").drop_columns(["__version"])
    parts[0].gather(gathered(baseline, table))
    if fault == "another":
        parts[1].gather(Portion(50, 50, np.zeros(3)))
    store.agents.add_parts([part_of(part, name) for part, name in zip(parts, ("a", "b"), strict=True)])
    with capture_logs() as logs:
        (row,) = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + HOUR).closed
    assert row.rows == 100
    assert "did not say of all of them what they are worth" in row.verdicts["estimated"]["detail"]
    assert [one["reason"] for one in logs if one["event"] == "performance not estimated"] == ["error"]


def test_sums_of_another_estimator_stop_no_window(tmp_path, config, store, log, baseline):
    part = counted(tmp_path / "a", config, baseline, 0, 50, "a")
    part.gather(Portion(50, 50, np.zeros(3)))
    store.agents.add_parts([part_of(part, "a")])
    (row,) = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + HOUR).closed
    assert "gather them with this estimator" in row.verdicts["estimated"]["detail"]


def test_a_batch_that_comes_while_a_step_reads_is_in_its_window(tmp_path, config, store, log, baseline):
    part = counted(tmp_path / "a", config, baseline, 0, 50, "a")
    monitor = ModelMonitor(config, "1", baseline, store, log)
    record(config, 0)
    later = START + 2 * DAY
    heard(store, config, START, at=later)
    read = monitor._agents.parts

    def then_a_batch(*given):
        found = read(*given)
        store.agents.add_parts([part_of(part, "web-1")])
        heard(store, config, START + DAY, at=later)
        return found

    monitor._agents.parts = then_a_batch
    assert monitor.advance(later).closed == ()
    monitor._agents.parts = read
    (row,) = monitor.advance(later).closed
    assert row.verdicts["agents"] == {"web-1": 50}


def test_a_part_that_was_not_read_when_its_window_closed_is_late(tmp_path, config, store, log, baseline):
    part = counted(tmp_path / "a", config, baseline, 0, 50, "a")
    monitor = ModelMonitor(config, "1", baseline, store, log)
    record(config, 0)
    read = monitor._agents.parts

    def then_a_part(*given):
        found = read(*given)
        store.agents.add_parts([part_of(part, "web-1")])
        return found

    monitor._agents.parts = then_a_part
    assert len(monitor.advance(START + DAY + HOUR).closed) == 1
    monitor._agents.parts = read
    assert monitor.advance(START + DAY + HOUR).late == 50


def test_windows_wait_for_the_slowest_agent_that_is_alive(config, store, baseline):
    windows = AgentWindows(config, "1", store, baseline.profile)
    now, late = START + 5 * HOUR, config.lateness
    assert windows.until(now, late) == now - late
    heard(store, config, START + 2 * HOUR, at=now)
    heard(store, config, START + 3 * HOUR, "web-2", at=now)
    heard(store, config, START, "other", at=now)
    store.agents.put(AgentRow("other", "a", 1, 0, now, {}, {"model/other@champion\n1": START.isoformat()}))
    assert windows.until(now, late) == START + 2 * HOUR
    later = now + config.agent_wait  # nothing was heard since
    heard(store, config, START + 3 * HOUR, "web-2", at=later)
    assert windows.until(later, late) == START + 3 * HOUR
    # a service that has just started could not hear anything before
    assert AgentWindows(config, "1", store, baseline.profile).until(later, late) == START + 2 * HOUR


def test_an_agent_that_is_heard_and_does_not_count_on_holds_windows_up_once(config, store, log, baseline):
    monitor = ModelMonitor(config, "1", baseline, store, log)
    record(config, 0, 1, 2, 3)
    due = START + DAY + config.lateness
    heard(store, config, START, at=due, moved=START)
    assert monitor.advance(due).closed == ()
    last = due + config.agent_wait - MINUTE
    heard(store, config, START, at=last, moved=START)
    assert monitor.advance(last).closed == ()
    heard(store, config, START, at=last + MINUTE, moved=START)
    assert len(monitor.advance(last + MINUTE).closed) == 1

    def told():
        (said,) = store.readings.latest(names=["monitor_agents_behind"])
        return said.value, said.note, said.labels["version"]

    assert told() == (1.0, "web-1", "1")
    # not anew with each window, nor with each start
    due += DAY
    heard(store, config, START, at=due, moved=START)
    again = ModelMonitor(config, "1", baseline, store, log)
    assert len(again.advance(due).closed) == 1
    # it counts on
    due += DAY
    heard(store, config, START + 2 * DAY, at=due, moved=due)
    assert again.advance(due).closed == ()
    assert told() == (0.0, "", "1")


def test_agents_that_left_while_the_service_was_away_are_not_behind_for_good(config, store, baseline):
    labels = config.labels("1")
    store.readings.write([Reading("monitor_agents_behind", 1, START, labels, "web-1")])
    windows = AgentWindows(config, "1", store, baseline.profile)
    windows.until(START + HOUR, config.lateness)
    (said,) = windows.tell(START + HOUR, labels, closed=False)
    assert (said.value, said.note, said.labels) == (0.0, "", labels)
    assert windows.tell(START + HOUR, labels, closed=False) == []
    other = AgentWindows(config, "2", store, baseline.profile)
    assert other.tell(START + HOUR, config.labels("2"), closed=False) == []


def test_an_agent_has_time_to_hear_of_a_new_version(config, store, baseline):
    windows = AgentWindows(config, "2", store, baseline.profile)
    heard(store, config, START, version="1")
    assert windows.until(START, config.lateness) == START - config.lateness
    soon, later = START + timedelta(minutes=2), START + timedelta(minutes=3)
    assert windows.until(soon, config.lateness) == START - config.lateness
    assert windows.until(later, config.lateness) == later - config.lateness


def test_an_agent_that_is_away_is_waited_for_when_there_is_a_new_version(config, store, baseline):
    windows = AgentWindows(config, "2", store, baseline.profile)
    heard(store, config, START, version="1", at=START - HOUR)
    begun, back = START, START + HOUR
    for now in (begun, back):
        assert windows.until(now, config.lateness) == begun - config.lateness
    heard(store, config, START, version="1", at=back)  # it is there again, and hears of the new one
    assert windows.until(back, config.lateness) == begun - config.lateness
    later = back + timedelta(minutes=3)
    assert windows.until(later, config.lateness) == later - config.lateness


def test_an_agent_that_is_gone_holds_windows_up_once(config, store, log, baseline):
    monitor = ModelMonitor(config, "1", baseline, store, log)
    record(config, 0, 1, 2)
    now = START + DAY + HOUR
    heard(store, config, START, at=now)
    assert monitor.advance(now).closed == ()
    assert len(monitor.advance(now + config.agent_wait).closed) == 1
    # with the next start it is not waited for again, until it is heard
    now += DAY
    again = ModelMonitor(config, "1", baseline, store, log)
    assert len(again.advance(now).closed) == 1
    now += DAY
    heard(store, config, START, at=now)
    assert ModelMonitor(config, "1", baseline, store, log).advance(now).closed == ()


def test_parts_that_fit_nowhere_are_late_and_stop_nothing(tmp_path, config, store, log, baseline):
    early = counted(tmp_path / "a", config, baseline, 0, 50, "a")
    odd = counted(tmp_path / "b", config, baseline, 2, 20, "b")
    odd.window = Window(odd.window.start, odd.window.end + HOUR)
    other = OpenWindow.empty(Window(START + 2 * DAY, START + 3 * DAY), baseline)
    other.profile = baseline.profile.only(["age"])
    monitor = ModelMonitor(config, "1", baseline, store, log)
    record(config, 0, 1)
    monitor.advance(START + 2 * DAY)
    store.agents.add_parts([part_of(early, "a"), part_of(odd, "b"), part_of(other, "c")])
    step = monitor.advance(START + 2 * DAY)
    assert step.late == 50 + 20 + baseline.profile.rows
    assert monitor.advance(START + 2 * DAY).late == 0


def test_one_part_that_cannot_be_read_stops_no_other(tmp_path, config, store, log, baseline):
    good = counted(tmp_path / "a", config, baseline, 0, 50, "a")
    said = pack_window(good)
    latency = base64.b64encode(TableProfile.of({"latency": [0.1] * 50}).to_bytes()).decode()
    distinct = base64.b64encode(bytes(8)).decode()
    monitor = ModelMonitor(config, "1", baseline, store, log)
    end_of_time = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    of_good = part_of(good, "good")
    wrong = [
        {"latency": latency},
        {"distinct": {"bits": "5", "rows": ""}},
        {"distinct": {"bits": 0, "rows": distinct}},
        {"faults": None, "passed": None},
    ]
    bad = [
        replace(of_good, agent=f"bad-{place}", content=json.dumps({**said, **one}).encode())
        for place, one in enumerate(wrong)
    ]
    bad.append(replace(of_good, agent="bad-time", start=end_of_time, end=end_of_time))
    store.agents.add_parts([*bad, of_good])
    heard(store, config, START + DAY, at=START + DAY + HOUR)
    store.agents.put(AgentRow("odd", "a", 1, 0, START, {}, {f"{config.subject}\nx\n1": START.isoformat()}))
    with capture_logs() as told:
        step = monitor.advance(START + DAY + HOUR)
    assert (step.rows, step.late) == (50 * 6, 50 * 5)
    (row,) = step.closed
    assert row.verdicts["agents"] == {"good": 50}
    assert [line["event"] for line in told].count("a window of an agent cannot be counted") == 5


def test_what_is_no_window_is_refused(config, baseline):
    said = pack_window(OpenWindow.empty(Window(START, START + DAY), baseline))
    with pytest.raises(InputError, match="said to have 9 rows"):
        unpack_window({**said, "rows": 9}, START, START + DAY)
    with pytest.raises(InputError, match="cannot be read"):
        unpack_window({**said, "profile": "!"}, START, START + DAY)
    with pytest.raises(InputError, match="has 0 rows, and says what 1 of them are worth"):
        unpack_window({**said, "estimated": Portion(1, 1, np.zeros(3)).to_json()}, START, START + DAY)
    with pytest.raises(InputError, match="64 bits"):
        unpack_window({**said, "distinct": {"bits": 64, "rows": ""}}, START, START + DAY)
