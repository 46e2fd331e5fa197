"""What agents send and ask: what is taken once, what is refused, and on which services."""

import base64
import json
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from mirante.errors import ConfigError
from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.windowparts import pack_window, unpacked_size
from mirante.monitors.windows import Window
from mirante.profiles import TableProfile
from mirante.store import AgentRow, JobRow, Store
from mirante.web.api import agents
from mirante.web.api.agent_models import FORMAT, LEAST_FORMAT
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.app.agent.site import HOUR, small_baseline
from tests.web.conftest import MODEL, NOW, Client

CPU = {"name": "system_cpu_percent", "labels": {"host": "web-1"}, "time": NOW.isoformat(), "value": 5.0}


@pytest.fixture(scope="module")
def window():
    said = pack_window(OpenWindow.empty(Window(NOW, NOW + HOUR), small_baseline()))
    about = {"subject": MODEL, "version": "1", "start": NOW.isoformat(), "end": (NOW + HOUR).isoformat()}
    return {**about, **said}


@pytest.fixture
def post(empty_store):
    clock = [NOW]
    client = Client(create_app(empty_store, config=WebConfig(), clock=lambda: clock[0], own_host="centre"))

    def send(sequence=1, headers=(), **body):
        about = {"agent": "web-1", "instance": "a", "program": "1", "interval": 60.0, "sequence": sequence}
        data = json.dumps({**about, **body}).encode()
        return client(
            "POST", "/api/v1/agents/batches", body=data, content_type="application/json", **dict(headers)
        )

    send.clock, send.store, send.client = clock, empty_store, client
    return send


def test_a_batch_is_taken_once(post):
    assert json.loads(post(readings=[CPU]).body) == {"sequence": 1, "taken": True, "windows": 0, "unknown": 0}
    assert json.loads(post(readings=[{**CPU, "value": 7.0}]).body)["taken"] is False
    assert [one.value for one in post.store.readings.latest(names=["system_cpu_percent"])] == [5.0]
    assert json.loads(post(3, readings=[{**CPU, "value": None}]).body)["taken"] is True  # some were dropped
    assert json.loads(post(2, readings=[]).body)["taken"] is False


def test_readings_of_a_newer_agent_are_passed_over_and_counted(post):
    new = {**CPU, "name": "system_unheard_of", "labels": {"anything": "new"}}
    answer = json.loads(post(readings=[new, CPU, new]).body)
    assert (answer["taken"], answer["unknown"]) == (True, 2)
    assert [one.value for one in post.store.readings.latest(names=["system_cpu_percent"])] == [5.0]


def test_marks_stay_until_others_are_said(post):
    mark = {"subject": MODEL, "version": "1", "until": NOW.isoformat()}
    post(1, marks=[mark])
    post(2)
    assert post.store.agents.get("web-1").marks == {f"{MODEL}\n1": NOW.isoformat()}
    post(3, marks=[])
    assert post.store.agents.get("web-1").marks == {}


def test_windows_are_taken_of_versions_that_are_watched(post, window):
    assert json.loads(post(1, windows=[window]).body)["windows"] == 0
    post.store.agents.offer(JobRow(MODEL, "1", "0f"))
    assert json.loads(post(2, windows=[window]).body)["windows"] == 1
    assert json.loads(post(3, windows=[window]).body)["windows"] == 0
    (part,) = post.store.agents.parts(MODEL, "1", 0)
    assert (part.start, part.end, part.rows) == (NOW, NOW + HOUR, 0)


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        ({"name": "drift_ks"}, "readings of their host"),
        ({"labels": {"host": "web-2"}}, "needs the label host"),
        ({"labels": {"host": "web-1", "model": "churn"}}, "the label host alone"),
    ],
)
def test_an_agent_speaks_of_its_host_alone(post, reading, said):
    answer = post(readings=[{**CPU, **reading}])
    assert answer.status == 422
    assert said in answer.text
    assert post.store.agents.list() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "AAAA"},
        {"latency": "no base64!"},
        {"rows": 7},
        {"distinct": {"bits": 99, "rows": ""}},
        {"distinct": {"rows": ""}},
        {"distinct": {"bits": 0, "rows": "AAAA"}},
        {"distinct": {"bits": "5", "rows": ""}},
        {"distinct": {"bits": 0, "rows": "AAAAAAAAAAA="}},  # one word: a hash without its count
        {"distinct": {"bits": 0, "rows": "AAAAAAAAAAAAAAAAAAAAAA=="}},  # a count of none
        {"estimated": {}},
        {"estimated": {"rows": 1, "predicted": 1, "size": 0, "places": "", "sums": ""}},  # of no rows
        {"end": NOW.isoformat()},
        {"latency": base64.b64encode(TableProfile.of({"latency": [0.1, 0.2]}).to_bytes()).decode()},
    ],
)
def test_a_window_that_the_monitor_could_not_read_is_refused(post, window, wrong):
    post.store.agents.offer(JobRow(MODEL, "1", "0f"))
    answer = post(windows=[{**window, **wrong}])
    assert answer.status == 422
    assert "window that begins at 2013-03-31" in answer.text
    assert list(post.store.agents.parts(MODEL, "1", 0)) == []


def test_a_window_without_edges_is_read_at_those_of_the_versions_baseline(post):
    baseline, other = small_baseline(), small_baseline(seed=2)
    about = {"subject": MODEL, "version": "1", "start": NOW.isoformat(), "end": (NOW + HOUR).isoformat()}

    def said(of):
        return {**about, **pack_window(OpenWindow.empty(Window(NOW, NOW + HOUR), of), of.profile)}

    post.store.agents.offer(JobRow(MODEL, "1", "0f"))
    post.store.baselines.put(baseline.row(MODEL, "1", NOW))
    good = said(baseline)
    assert json.loads(post(1, windows=[good]).body)["windows"] == 1
    assert post(2, windows=[{**good, "rows": 7}]).status == 422
    data = base64.b64decode(good["profile"])
    assert post(2, windows=[{**good, "profile": base64.b64encode(data[:-3]).decode()}]).status == 422
    # of another baseline: it was counted when that was the version's, and the monitor tells it as late
    moved = {"start": (NOW + HOUR).isoformat(), "end": (NOW + 2 * HOUR).isoformat()}
    assert json.loads(post(2, windows=[{**said(other), **moved}]).body)["windows"] == 1
    # the version got that baseline meanwhile
    post.store.agents.offer(JobRow(MODEL, "1", "1f"))
    post.store.baselines.put(other.row(MODEL, "1", NOW))
    assert post(3, windows=[{**said(other), "rows": 7}]).status == 422
    # nobody watches it any more
    post.store.agents.withdraw(MODEL, keep=())
    assert json.loads(post(3, windows=[good]).body)["windows"] == 0


def test_a_batch_asks_once_which_versions_are_watched(post, window, monkeypatch):
    asked, jobs = [], post.store.agents.jobs
    monkeypatch.setattr(post.store.agents, "jobs", lambda **how: asked.append(how) or jobs(**how))
    later = {"start": window["end"], "end": (NOW + 2 * HOUR).isoformat()}
    assert post(windows=[window, {**window, **later}]).status == 200
    assert [list(how) for how in asked] == [[], ["connection"]]  # once before the transaction, once in it


def test_of_many_baselines_the_last_few_are_kept(empty_store, monkeypatch):
    monkeypatch.setattr("mirante.web.api.agents._KEPT", 1)
    baseline = small_baseline()
    known, layout = agents._Baselines(empty_store), baseline.profile.layout.digest

    def of(version, layout):
        return known.of(MODEL, version, layout, known.digests().get((MODEL, version)))

    assert of("1", layout) is None
    for version in ("1", "2", "3"):
        empty_store.agents.offer(JobRow(MODEL, version, "0f"))
        if version != "3":
            empty_store.baselines.put(baseline.row(MODEL, version, NOW))
    first = of("1", layout)
    assert of("1", layout) is first is not None
    assert of("2", layout) == first
    assert of("1", layout) is not first
    assert first.rows == 0  # what the baseline's rows were is not kept
    assert of("3", layout) is None  # offered, and not in the store yet
    empty_store.baselines.put(baseline.row(MODEL, "3", NOW))
    assert of("3", layout) == first
    assert of("3", bytes(16)) is None


def test_agents_of_one_version_do_not_wait_for_the_baseline_of_another(empty_store, monkeypatch):
    baseline = small_baseline()
    known, layout = agents._Baselines(empty_store), baseline.profile.layout.digest

    def lock_of(version):
        return hash((MODEL, version)) % len(known._reading)

    other = next(version for version in map(str, range(2, 99)) if lock_of(version) != lock_of("1"))
    for version in ("1", other):
        empty_store.agents.offer(JobRow(MODEL, version, "0f"))
        empty_store.baselines.put(baseline.row(MODEL, version, NOW))
    read, begun, go_on, asked = empty_store.baselines.get, threading.Event(), threading.Event(), []

    def slowly(subject, version):
        asked.append(version)
        if version == "1":
            begun.set()
            assert go_on.wait(60)
        return read(subject, version)

    monkeypatch.setattr(empty_store.baselines, "get", slowly)
    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(known.of, MODEL, "1", layout, "0f") for _ in range(2)]
        assert begun.wait(60)
        try:
            quick = pool.submit(known.of, MODEL, other, layout, "0f").result(timeout=60)
        finally:
            go_on.set()
        found = [one.result(timeout=60) for one in slow]
    assert quick == found[0]
    assert found[0] is found[1]  # both waited for it
    assert sorted(asked) == sorted(["1", other])


def test_a_profile_of_latencies_is_no_profile_of_features(post, window):
    assert post(windows=[{**window, "latency": window["profile"]}]).status == 422


@pytest.mark.parametrize("field", ["start", "end"])
def test_a_window_at_the_end_of_time_is_refused(post, window, field):
    answer = post(windows=[{**window, field: "9999-12-31T23:59:59Z"}])
    assert answer.status == 422
    assert "from 1900 to 8999" in answer.text


@pytest.mark.parametrize(
    "wrong", [{"subject": f"{MODEL}\nx"}, {"version": "\x00"}, {"until": "0001-01-01T00:00:00Z"}]
)
def test_a_mark_that_no_monitor_could_read_is_refused(post, wrong):
    mark = {"subject": MODEL, "version": "1", "until": NOW.isoformat()}
    assert post(marks=[{**mark, **wrong}]).status == 422
    assert post.store.agents.list() == []


def bomb(size):
    """A profile that is small on its way and large when it is unpacked."""
    body = pa.Codec("zstd").compress(bytes(size), asbytes=True)
    return base64.b64encode(struct.pack("<4sBQ", b"MRTP", 2, size) + body).decode()


def test_what_is_large_once_it_is_unpacked_is_refused_before(post, window):
    large = bomb(2**26)
    assert len(large) < 10_000
    answer = post(windows=[{**window, "profile": large}])
    assert answer.status == 413
    assert "a batch may have 67108864" in answer.text
    half = {**window, "profile": bomb(2**25), "latency": bomb(2**22)}
    assert post(windows=[half]).status == 422  # it may be that long, and is nothing
    assert post(windows=[window] * 3).status == 200


def test_all_windows_of_a_batch_together_have_one_limit(post, window):
    one = {**window, "profile": bomb(2**25)}
    answer = post(windows=[one] * 3)
    assert answer.status == 413
    assert f"are {3 * unpacked_size(one)} bytes long" in answer.text


def test_what_came_before_is_not_looked_into_again(post, window):
    post(1)
    assert json.loads(post(1, windows=[{**window, "profile": "!"}]).body)["taken"] is False


def test_a_newer_form_is_told_before_it_is_read(post):
    answer = post(headers={"x_mirante_format": str(FORMAT + 1)}, something="new")
    assert answer.status == 426
    assert "upgrade the service" in answer.text


def test_another_agent_of_that_name_waits_until_the_first_is_gone(post):
    post()
    post.clock[0] = NOW + timedelta(minutes=4)
    answer = post(instance="b")
    assert answer.status == 409
    assert "heard 240 s ago" in answer.text
    post.clock[0] = NOW + timedelta(minutes=5)
    assert json.loads(post(instance="b").body)["taken"] is True


def test_the_services_own_host_is_no_agents_name(post):
    with capture_logs() as told:
        answer = post(agent="centre")
        post(agent="centre")
    assert answer.status == 409
    (line,) = told  # here too, once: the agent says it in its own log alone
    assert (line["agent"], line["log_level"]) == ("centre", "warning")
    assert "give the agent a name of its own with --name" in answer.text
    assert "host: {enabled: false}" in answer.text
    assert post.store.agents.list() == []
    assert post(agent="web-1").status == 200


def test_an_older_agent_is_told_of_until_it_is_upgraded(post):
    old = {"headers": {"x_mirante_format": str(FORMAT - 1)}, "program": "0.0.9"}
    assert post(1, **old).status == 200
    (said,) = post.store.readings.latest(names=["agent_outdated"])
    assert (said.value, said.labels) == (1.0, {"host": "web-1"})
    assert "program is 0.0.9 and speaks form 1" in said.note
    assert said.note.endswith("upgrade the agent")
    assert post.store.agents.get("web-1").about["form"] == FORMAT - 1
    post.clock[0] = NOW + timedelta(minutes=1)
    post(2)
    (said,) = post.store.readings.latest(names=["agent_outdated"])
    assert (said.value, said.note) == (0.0, "")


def test_an_agent_that_was_upgraded_is_not_outdated_for_what_its_spool_holds(post):
    old = {"x_mirante_format": str(FORMAT - 1), "x_mirante_speaks": str(FORMAT)}
    assert post(1, headers=old, program="0.0.9").status == 200
    (said,) = post.store.readings.latest(names=["agent_outdated"])
    assert (said.value, said.note) == (0.0, "")
    assert post.store.agents.get("web-1").about["form"] == FORMAT


def test_when_a_mark_moved_is_remembered(post):
    def moved(sequence, minutes, until, **more):
        post.clock[0] = NOW + timedelta(minutes=minutes)
        mark = {"subject": MODEL, "version": "1", "until": (NOW + until).isoformat()}
        post(sequence, marks=[mark], **more)
        (found,) = post.store.agents.get("web-1").about["moved"].values()
        return (datetime.fromisoformat(found) - NOW) // timedelta(minutes=1)

    assert moved(1, 0, HOUR) == 0
    assert moved(2, 4, HOUR) == 0
    assert moved(3, 8, 2 * HOUR) == 8
    assert moved(4, 30, 2 * HOUR) == 30  # it was away, and has its time anew
    assert moved(5, 34, 2 * HOUR) == 30


def test_a_service_takes_so_many_agents_and_no_more(post):
    with post.store.transaction() as connection:
        for number in range(1, 1_000):
            post.store.agents.put(AgentRow(f"a-{number}", "a", 1, 0, NOW), connection=connection)
    assert post().status == 200
    answer = post(agent="web-2")
    assert answer.status == 409
    assert "'web-2' is another" in answer.text
    assert post(2).status == 200  # those that are known go on
    assert post.store.agents.count() == 1_000


def test_a_copy_of_a_spool_is_told(post):
    post(headers={"x_mirante_checksum": "1"})
    assert json.loads(post(headers={"x_mirante_checksum": "1"}).body)["taken"] is False
    answer = post(headers={"x_mirante_checksum": "2"})
    assert answer.status == 409
    assert "copies of one spool" in answer.text


def test_jobs_and_baselines_are_said(post):
    about = {"model": "churn", "window": "1h", "timezone": "UTC", "lateness": 300.0, "since": None}
    post.store.agents.offer(JobRow(MODEL, "1", "0123456789abcdef", about, b'{"profile.bin": "AAAA"}'))
    spoken = {"x_mirante_format": str(FORMAT)}
    (job,) = json.loads(post.client("GET", "/api/v1/agents/jobs", **spoken).body)
    assert job == {"subject": MODEL, "version": "1", "digest": "0123456789abcdef", **about}
    answer = post.client("GET", f"/api/v1/agents/baselines/{job['digest']}", **spoken)
    assert json.loads(answer.body) == {"files": {"profile.bin": "AAAA"}}
    assert post.client("GET", "/api/v1/agents/baselines/ff", **spoken).status == 404


@pytest.mark.parametrize("spoken", [{}, {"x_mirante_format": str(LEAST_FORMAT - 1)}])
def test_an_agent_that_could_not_read_it_is_offered_nothing(post, spoken):
    for path in ("jobs", "baselines/0123456789abcdef"):
        answer = post.client("GET", f"/api/v1/agents/{path}", **spoken)
        assert answer.status == 426
        assert "upgrade the agent" in answer.text


def test_with_a_token_nothing_is_taken_or_said_without_it(empty_store):
    client = Client(create_app(empty_store, config=WebConfig(token="t" * 20), clock=lambda: NOW))
    body = json.dumps({}).encode()
    answer = client("POST", "/api/v1/agents/batches", body=body, content_type="application/json")
    assert answer.status == 401
    assert client("GET", "/api/v1/agents/jobs", accept="application/json").status == 401


def test_the_agents_own_token_opens_what_is_theirs_and_nothing_else(empty_store):
    config = WebConfig(token="t" * 20, agent_token="a" * 20)
    client = Client(create_app(empty_store, config=config, clock=lambda: NOW))

    def status(path, token):
        spoken = {"authorization": f"Bearer {token}", "x_mirante_format": str(FORMAT)}
        return client("GET", path, accept="application/json", **spoken).status

    assert [status("/api/v1/agents/jobs", token) for token in ("t" * 20, "a" * 20, "x" * 20)] == [
        200,
        200,
        401,
    ]
    for path in (
        "/api/v1/subjects",
        "/",
        "/metrics",
        "/healthz",
        "/api/v1/agents",
    ):
        assert status(path, "a" * 20) == 401, path
    assert status("/api/v1/agents/../subjects", "a" * 20) == 404


def test_an_agents_token_that_others_could_guess_is_refused(empty_store, tmp_path):
    with pytest.raises(ConfigError, match=r"web\.agent_token has 5 characters"):
        create_app(empty_store, config=WebConfig(host="0.0.0.0", token="t" * 20, agent_token="short"))
    with pytest.raises(
        ConfigError, match=r"web\.agent_token is the same as web\.token: .* give agents another"
    ):
        create_app(empty_store, config=WebConfig(token="t" * 20, agent_token="t" * 20))
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match=r"give web\.token too"):
        create_app(empty_store, config=WebConfig(agent_token="a" * 20))
    config = WebConfig(agent_token_file="token").within(tmp_path)
    with pytest.raises(ConfigError, match=r"agent_token.* is empty"):
        config.agent_secret()


def test_two_services_of_one_store_take_a_batch_once(postgres_url, window):
    """Also the one that only waits to take over: what agents send are rows of the store."""
    with Store(postgres_url) as first, Store(postgres_url) as second:
        first.agents.offer(JobRow(MODEL, "1", "0f"))
        apps = [create_app(store, config=WebConfig(), clock=lambda: NOW) for store in (first, second)]
        for app in apps:  # FastAPI makes its routes at the first call, and not in two threads at once
            path = "/api/v1/agents/batches"
            assert Client(app)("POST", path, body=b"{}", content_type="application/json").status == 422

        def send(place):
            sequence, app = divmod(place, 2)
            start = NOW + sequence * HOUR
            moved = {**window, "start": start.isoformat(), "end": (start + HOUR).isoformat()}
            about = {"agent": "web-1", "instance": "a", "program": "1", "interval": 60.0}
            body = json.dumps({**about, "sequence": sequence + 1, "windows": [moved], "readings": [CPU]})
            answer = Client(apps[app])(
                "POST", "/api/v1/agents/batches", body=body.encode(), content_type="application/json"
            )
            return json.loads(answer.body)

        for sequence in range(5):
            with ThreadPoolExecutor(2) as pool:
                said = list(pool.map(send, (2 * sequence, 2 * sequence + 1)))
            assert sorted(one["taken"] for one in said) == [False, True]
        assert len(second.agents.parts(MODEL, "1", 0)) == 5
