"""The commands by which a person decides."""

import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.monitors.baseline import publish_baseline
from mirante.store import ProposalRow, Store
from mirante.tracking.baselines import locate
from tests.alerts.actions.conftest import NOW, Model
from tests.monitors.conftest import baseline, config, log  # noqa: F401 - the fixtures of that room
from tests.monitors.registry import register
from tests.monitors.test_acceptance import watched

WHO = ("--author", "Ana", "--reason", "version 1 was better")


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def run(tmp_path, store):
    def invoke(*arguments, uri="http://127.0.0.1:9"):
        path = tmp_path / "mirante.yaml"
        path.write_text(f"mlflow: {{tracking_uri: '{uri}'}}\n")
        return CliRunner().invoke(main, [*arguments, "-c", str(path)])

    return invoke


def propose(store, model="churn", subject="model/churn@live", name="p1", **more):
    data = {"model": model, "alias": "live", "from": "2", "to": "1", "alerts": [], **more}
    store.proposals.add(ProposalRow(name, "move_alias", subject, "open", NOW, data=data))


def test_list_and_show(run, store):
    assert run("proposals", "list").output == "no proposals wait for a decision\n"
    assert run("proposals", "list", "--all").output == "no proposals\n"
    propose(store)
    line = (
        "p1  2026-01-31 12:00 UTC  [open]  Move the alias live of churn from version 2 back to version 1.\n"
    )
    assert run("proposals", "list").output == line
    shown = run("proposals", "show", "p1").output
    assert shown.startswith("p1 [open]\n  Move the alias live of churn")
    assert "Performance of version 2: unknown." in shown


def test_a_rejected_one_is_listed_only_with_all(run, store):
    propose(store)
    done = run("proposals", "reject", "p1", *WHO)
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "p1 [rejected]")
    assert "no proposals wait" in run("proposals", "list").output
    assert "[rejected]" in run("proposals", "list", "--all").output


@pytest.mark.parametrize("command", ["show", "approve", "reject", "undo"])
def test_one_that_is_not_there_is_one_sentence_and_exit_2(run, command):
    done = run("proposals", command, "p9", *(() if command == "show" else WHO))
    assert (done.exit_code, done.stderr) == (
        2,
        "mirante: there is no proposal 'p9'; `mirante proposals list` has them\n",
    )


def test_a_reason_is_needed(run, store, monkeypatch):
    propose(store)
    monkeypatch.delenv("USER", raising=False)
    assert "Missing option '--reason'" in run("proposals", "approve", "p1", "--author", "Ana").output
    assert "Missing option '--author'" in run("proposals", "approve", "p1", "--reason", "x").output
    assert store.proposals.get("p1").state == "open"


def test_while_mlflow_is_away_the_approval_is_kept_and_exit_1_says_that_it_waits(run, store, free_port):
    propose(store)
    done = run("proposals", "approve", "p1", *WHO, uri=f"http://127.0.0.1:{free_port}")
    assert done.exit_code == 1
    assert "p1 [approved, to be carried out]" in done.stdout
    assert "not carried out yet, the service will do it: no MLflow server answers" in done.stderr
    assert store.proposals.get("p1").state == "approved"


@pytest.mark.server
def test_approve_moves_the_alias_and_undo_moves_it_back(run, store, mlflow_server):
    model = Model(mlflow_server, store)
    model.add()
    model.add()
    propose(store, model.name, model.subject)
    done = run("proposals", "approve", "p1", *WHO, uri=mlflow_server)
    assert (done.exit_code, model.version) == (0, "1")
    assert "p1 [done]" in done.output
    undone = run("proposals", "undo", "p1", *WHO, uri=mlflow_server)
    assert (undone.exit_code, model.version) == (0, "2")
    propose(store, model.name, model.subject, "p2")
    model.add()
    failed = run("proposals", "approve", "p2", *WHO, uri=mlflow_server)
    assert (failed.exit_code, model.version) == (1, "3")
    assert "Not moved: the alias is at version 3 by now" in failed.output


@pytest.mark.server
def test_baseline_accept(run, store, mlflow_server, config, log, baseline):  # noqa: F811 - imported fixtures
    from mirante.tracking.client import connect

    client = connect(mlflow_server)
    name, _ = register(client)
    before = publish_baseline(client, name, "1", baseline)
    named = config.model_copy(update={"model": name})
    watched(named, store, log, baseline, 3)
    days = ("--since", "2026-01-01", "--until", "2026-01-04T00:00:00Z")
    done = run("baseline", "accept", named.subject, *days, *WHO, uri=mlflow_server)
    assert done.exit_code == 0, done.output
    assert locate(client, name, "1") != before
    (row,) = store.proposals.list()
    assert f"{row.id} [done]" in done.output
    assert run("proposals", "undo", row.id, *WHO, uri=mlflow_server).exit_code == 0
    assert locate(client, name, "1") == before


@pytest.mark.parametrize(
    ("since", "said"),
    [("2026-01-01", "has no closed window with rows"), ("yesterday", "--since is 'yesterday'; give a date")],
)
def test_a_range_that_will_not_do_is_one_sentence_and_exit_2(run, since, said):
    done = run("baseline", "accept", "model/m@a", "--since", since, "--until", "2026-01-04", *WHO)
    assert done.exit_code == 2
    assert said in done.stderr


def test_to_look_for_proposals_makes_no_store(tmp_path):
    (tmp_path / "mirante.yaml").write_text("{}")
    done = CliRunner().invoke(main, ["proposals", "list", "-c", str(tmp_path / "mirante.yaml")])
    assert (done.exit_code, "there is no store at" in done.output) == (2, True)
    assert [one.name for one in tmp_path.iterdir()] == ["mirante.yaml"]
