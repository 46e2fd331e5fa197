"""Inside MLflow: real servers that were started with ``mlflow server --app-name``, and what they open."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mirante.app.mlflow_server import LazySite
from mirante.readings import Reading
from mirante.store import AlertRow, Store
from mirante.web.exchange import Asked
from mirante.web.routes import answer
from tests.doubles.mlflow import USER, AppServer, basic_auth, login
from tests.web.conftest import NOW

ALERT = AlertRow("a1", "high_cpu", {"host": "web-1"}, "host/web-1", "critical", "firing", NOW, fired_at=NOW)
SILENCE = {"matchers": "host=web-1", "author": "ana", "comment": "new disk", "lasting": "2h"}


def fill(folder: Path) -> Path:
    """Write a config and a store with a host and an alert."""
    config = folder / "mirante.yaml"
    config.write_text("store: sqlite:///mirante.db\n")
    with Store(f"sqlite:///{folder}/mirante.db") as store:
        store.readings.write([Reading("system_cpu_percent", 93.0, NOW, {"host": "web-1"})])
        store.alerts.save(ALERT)
    return config


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """One worker; the config is in the folder that the server is started in."""
    folder = tmp_path_factory.mktemp("plain")
    fill(folder)
    with AppServer(folder, "mirante", "--workers", "1") as server:
        yield server


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """Four workers below a prefix; MIRANTE_CONFIG names the config, and there is no store yet."""
    folder, elsewhere = tmp_path_factory.mktemp("many"), tmp_path_factory.mktemp("elsewhere")
    config = str(fill(elsewhere))
    (elsewhere / "mirante.db").rename(elsewhere / "later.db")
    with AppServer(folder, "mirante", "--workers", "4", prefix="/x", MIRANTE_CONFIG=config) as server:
        yield server


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """MLflow's login in front; users who are no administrators may read what MLflow has no permission for."""
    folder = tmp_path_factory.mktemp("private")
    fill(folder)
    environ = basic_auth(folder) | {"MLFLOW_BASIC_AUTH_FAIL_CLOSED": "false"}
    with AppServer(folder, "mirante-basic-auth", "--workers", "1", **environ) as server:
        yield server


def test_mlflow_finds_the_applications_by_their_names():
    found = {entry.name for entry in entry_points(group="mlflow.app") if entry.value.startswith("mirante.")}
    assert found == {"mirante", "mirante-basic-auth"}


@pytest.mark.server
def test_the_page_is_beside_mlflow_with_headers_and_static_files(plain: AppServer):
    page = plain.get("/mirante/")
    assert (page.status, "web-1" in page.text) == (200, True)
    assert page.headers["content-security-policy"].startswith("default-src 'self'; style-src")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    for address in re.findall(r'(?:href|src)="(/mirante/static/[^"]+)"', page.text):
        assert "immutable" in plain.get(address).headers["cache-control"]
    assert plain.get("/mirante").headers["location"].endswith("/mirante/")
    assert plain.get("/").status == 200, "MLflow's own page is where it was"
    assert plain.get("/mirante/", host="evil.example").status == 403, "MLflow checks the Host header"


@pytest.mark.server
def test_polling_and_what_is_not_there(plain: AppServer):
    etag = plain.get("/mirante/alerts").headers["etag"]
    again = plain.get("/mirante/alerts", if_none_match=etag)
    assert (again.status, again.body) == (304, b"")
    missing = plain.get("/mirante/nope")
    assert (missing.status, "There is nothing here" in missing.text) == (404, True)
    assert "Service is not running" in plain.get("/mirante/status/line").text


@pytest.mark.server
def test_buttons_work_and_other_sites_cannot_press_them(plain: AppServer):
    target, fields = "/mirante/alerts/a1/acknowledge", {"author": "ana", "note": "on it"}
    assert plain.post(target, fields, origin="https://evil.example").status == 403
    done = plain.post(target, fields, origin=plain.server.uri)
    assert (done.status, done.headers["location"]) == (303, "/mirante/alerts/a1")
    assert "on it" in plain.get("/mirante/alerts/a1").text
    with Store(f"sqlite:///{plain.server.folder}/mirante.db") as store:
        assert store.acknowledgements.of(["a1"])["a1"].author == "ana"


@pytest.mark.server
def test_four_workers_wait_for_the_store_and_share_it(many: AppServer):
    waiting = many.get("/mirante/")
    assert (waiting.status, "There is no store at" in waiting.text) == (503, True)
    assert many.get("/health").status == 200
    later = Path(re.search(r"at (/\S+)mirante\.db", waiting.text)[1])
    (later / "later.db").rename(later / "mirante.db")

    def silence(number: int) -> int:
        return many.post("/mirante/silences/new", {**SILENCE, "comment": f"disk {number}"}).status

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(silence, range(24))) == [303] * 24
        pages = list(pool.map(lambda _: many.get("/mirante/silences").text, range(8)))
    assert [page.count("disk ") for page in pages] == [24] * 8
    assert not re.findall(r'(?:href|src|action)="/(?!x/)', pages[0])
    with sqlite3.connect(later / "mirante.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.server
def test_the_login_of_mlflow_stands_before_the_pages(private: AppServer):
    for path in ("/mirante/", "/mirante/alerts", "/mirante/static/style.css", "/mirante/healthz", "/mirante"):
        assert private.get(path).status == 401, path
        assert private.get(path, authorization=login(password="wrong")).status == 401, path
        assert private.get(path, authorization=login()).status in (200, 308), path
    assert private.post("/mirante/silences/new", SILENCE).status == 401
    assert private.post("/mirante/silences/new", SILENCE, authorization=login()).status == 303
    form = private.get("/mirante/silences/new", authorization=login()).text
    assert f'name="author" value="{USER}"' in form
    assert private.get("/api/2.0/mlflow/users/get?username=ana").status == 401, "MLflow's own API as before"


@pytest.mark.server
def test_a_user_reads_and_only_an_administrator_decides(private: AppServer):
    body = '{"username": "rui", "password": "a long password of rui"}'
    made = private.ask(
        "POST", "/api/2.0/mlflow/users/create", body, authorization=login(), content_type="application/json"
    )
    assert made.status == 200
    rui = login("rui", "a long password of rui")
    assert private.get("/mirante/alerts", authorization=rui).status == 200
    decided = {"author": "rui", "reason": "x", "decision": "approve"}
    assert private.post("/mirante/proposals/p1", decided, authorization=rui).status == 403
    assert private.post("/mirante/proposals/p1", decided, authorization=login()).status == 404


def opened(folder: Path, **environ: str) -> str:
    site = LazySite(environ, folder, mlflow="/")()
    made = answer(site, Asked("GET", site.query("/", "", {})))
    return f"{made.status} {made.body.decode()}"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "where it is without a config"),
        ("stroe: x\n", "mirante.yaml, line 1: stroe"),
        ("store: [\n", "mirante.yaml"),
        ("store: sqlite:///none.db\n", "none.db yet, where /"),
        ("store: sqlite:///mirante.yaml\n", "the log of MLflow"),
        ("web: {token: 'env:NO_SUCH_VARIABLE'}\n", "NO_SUCH_VARIABLE"),
    ],
)
def test_whatever_is_wrong_is_said_on_the_page(tmp_path: Path, config: str | None, said: str):
    if config is not None:
        (tmp_path / "mirante.yaml").write_text(config)
        if "token" in config:
            fill(tmp_path)
            (tmp_path / "mirante.yaml").write_text(config)
    with capture_logs():
        page = opened(tmp_path)
    assert page.startswith("503 ")
    assert said in page
    assert "mirante up -c" in page
    files = {path.name for path in tmp_path.iterdir()} - {"mirante.yaml", "mirante.db"}
    assert files == set(), "no store is made by looking for one"


def test_a_config_that_is_named_and_missing(tmp_path: Path):
    assert "other.yaml" in opened(tmp_path, MIRANTE_CONFIG="other.yaml")


def test_it_is_opened_once_there_is_something_and_then_kept(tmp_path: Path):
    site = LazySite({}, tmp_path, mlflow="/x/")
    assert site() is not site()
    fill(tmp_path)
    found = site()
    assert found is site()
    assert (found.mlflow, found.sessions, found.read_only) == ("/x/", None, False)
    found.store.close()
