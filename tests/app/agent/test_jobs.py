import json

import pytest
from structlog.testing import capture_logs

from mirante.app.agent.centre import AwayError, Centre
from mirante.app.agent.files import read_checked, write_checked
from mirante.app.agent.jobs import Jobs
from mirante.store import JobRow
from tests.app.agent.site import HOUR, START, TOKEN, record, site, small_baseline


@pytest.fixture(scope="module")
def baseline():
    return small_baseline()


def jobs_of(here, folder):
    return Jobs(Centre(here.address, lambda: TOKEN, clock=here.clock), folder / "log", folder / "windows")


def offered(here, baseline, *versions):
    """Let the service offer versions, as it does once there is an agent."""
    agent = here.agent("another", log=False)
    agent.collect(START)
    agent.send()
    agent.spool.close()
    monitors = [here.watch(baseline, version) for version in versions]
    here.offers.settle(monitors)
    return here.offers


def test_what_the_service_watches_and_is_recorded_here_is_counted(tmp_path, baseline):
    with site(tmp_path) as here:
        jobs = jobs_of(here, tmp_path / "web-1")
        jobs.refresh()
        offers = offered(here, baseline, "1", "2")
        jobs.refresh()
        assert jobs.counters == {}  # no log yet
        record(tmp_path / "web-1" / "log", 0, 5)
        jobs.refresh()
        subject = "model/churn@champion"
        assert list(jobs.counters) == [(subject, "1"), (subject, "2")]
        first = jobs.counters[subject, "1"]
        assert [window["rows"] for window in first.advance(START + 2 * HOUR)] == [5]
        jobs.refresh()
        assert jobs.counters[subject, "1"] is first  # nothing changed
        offers.settle([here.monitor])
        jobs.refresh()
        assert list(jobs.counters) == [(subject, "2")]


def test_while_the_service_is_away_what_it_said_last_holds_over_restarts(tmp_path, baseline):
    with site(tmp_path) as here:
        record(tmp_path / "web-1" / "log", 0, 5)
        offered(here, baseline, "1")
        jobs_of(here, tmp_path / "web-1").refresh()
        here.go()
        again = jobs_of(here, tmp_path / "web-1")
        with pytest.raises(AwayError):
            again.refresh()
        assert len(again.counters) == 1
        # damaged, they are asked for again
        (tmp_path / "web-1" / "windows" / "jobs.json").write_bytes(b"torn")
        (kept,) = (tmp_path / "web-1" / "windows").glob("*.baseline")
        kept.write_bytes(b"torn")
        third = jobs_of(here, tmp_path / "web-1")
        with pytest.raises(AwayError):
            third.refresh()
        assert third.counters == {}
        here.come()
        third.refresh()
        assert len(third.counters) == 1


def test_a_model_that_cannot_be_taken_up_stops_no_other_and_is_told_once(tmp_path, baseline):
    with site(tmp_path) as here:
        record(tmp_path / "web-1" / "log", 0, 5)
        offered(here, baseline, "1", "2")
        (job, _) = here.store.agents.jobs()
        good = here.store.agents.baseline(job.digest)
        here.store.agents.offer(JobRow(job.subject, "1", "0f" * 16, job.about, b"{}"))
        jobs = jobs_of(here, tmp_path / "web-1")
        with capture_logs() as told:
            jobs.refresh()
            jobs.refresh()
        assert list(jobs.counters) == [(job.subject, "2")]
        (line,) = [line for line in told if line["event"] == "a model cannot be counted"]
        assert line["version"] == "1"
        here.store.agents.offer(JobRow(job.subject, "1", "1f" * 16, job.about, good))
        jobs.refresh()
        assert len(jobs.counters) == 2


def test_a_baseline_that_does_not_come_is_told_and_holds_up_that_model_alone(tmp_path, baseline):
    with site(tmp_path) as here:
        record(tmp_path / "web-1" / "log", 0, 5)
        offered(here, baseline, "1", "2")
        jobs = jobs_of(here, tmp_path / "web-1")
        jobs.refresh()
        subject = "model/churn@champion"
        for counter in jobs.counters.values():
            counter.advance(START + 2 * HOUR)
            counter.sent()
        (job, _) = here.store.agents.jobs()
        here.store.agents.offer(JobRow(job.subject, "1", "0f" * 16, job.about, b'{"profile": "A"}'))
        again = jobs_of(here, tmp_path / "web-1")
        again.refresh()
        assert again.settled
        assert again.troubles() == [
            f"{subject} version 1: {here.address} gave a baseline that cannot be read"
        ]
        again.counters[subject, "2"].advance(START + 3 * HOUR)
        assert again.marks() == {(subject, "1"): START + HOUR, (subject, "2"): START + 2 * HOUR}


def test_while_the_service_is_away_what_is_known_is_taken_up(tmp_path, baseline):
    with site(tmp_path) as here:
        record(tmp_path / "web-1" / "log", 0, 5)
        offered(here, baseline, "1", "2")
        jobs_of(here, tmp_path / "web-1").refresh()
        here.go()
        folder = tmp_path / "web-1" / "windows"
        said = json.loads(read_checked(folder / "jobs.json")[2])
        lacking = [{**said[0], "digest": "0f" * 16}, said[1]]
        write_checked(folder / "jobs.json", json.dumps(lacking).encode(), 1)
        again = jobs_of(here, tmp_path / "web-1")
        with pytest.raises(AwayError):
            again.refresh()
        assert [version for _, version in again.counters] == ["2"]
