"""The stack of the compose file: what it names exists, and its files work together as processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
import yaml
from click.testing import CliRunner

from mirante.cli import main
from mirante.tracking.server import free_port
from mirante.web.config import WebConfig
from tests.deploy.files import (
    DEPLOY,
    STATE,
    check_command,
    check_mlflow_command,
    check_path,
    check_variable,
    documents,
    extras,
    read_config,
    secret_paths,
)
from tests.postgres import start_postgres
from tests.tools import require_tool

FOLDER = DEPLOY / "compose"
TOP = documents(FOLDER / "compose.yaml")[0]
SERVICES = TOP["services"]
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
PORTS = {"postgres": 5432, "mlflow": 5000, "mirante": 8765, "prometheus": 9090, "serve": 5001}
PASSWORDS = {name: f'it\'s the "password" of {name}' for name in ("mlflow", "mirante")}
SCRIPT = FOLDER / "postgres" / "databases.sh"
# of the compose specification, those that are used
KEYS = {
    "build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image",
    "ports", "profiles", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "tmpfs",
    "user", "volumes",
}  # fmt: skip


def mounts(name):
    return [mount.split(":") for mount in SERVICES[name].get("volumes", [])]


def place_in(name, path):
    """Return which file of the folder a container sees at a path."""
    (source,) = [one[0] for one in mounts(name) if one[1] == path]
    return FOLDER / source


@pytest.mark.parametrize("name", SERVICES)
def test_a_secret_of_the_environment_can_be_written_into_its_container(name):
    taken = [TOP["secrets"][secret] for secret in SERVICES[name].get("secrets", [])]
    if any("environment" in secret for secret in taken):
        assert not SERVICES[name].get("read_only"), "Compose refuses that"


def test_the_file_has_known_keys_and_everything_that_it_refers_to():
    assert set(TOP) == {"name", "x-mirante", "services", "secrets", "volumes"}
    for name, service in SERVICES.items():
        assert set(service) <= KEYS, name
        assert set(service.get("secrets", [])) <= set(TOP["secrets"])
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] in {"service_healthy", "service_completed_successfully"}
            checked = SERVICES[other].get("healthcheck") or other in OURS  # the image has one of its own
            assert checked or how["condition"] == "service_completed_successfully", other
        for source, target, *_ in mounts(name):
            assert target.startswith("/")
            assert (FOLDER / source).exists() if source.startswith(".") else source in TOP["volumes"]
        for published in service.get("ports", []):
            address, outer, inner = published.split(":")
            assert (address, outer) == ("127.0.0.1", inner)
            assert int(inner) == PORTS[name]


def test_all_variables_are_in_the_example_or_have_a_default():
    text = (FOLDER / "compose.yaml").read_text("utf-8")
    known = set(re.findall(r"^([A-Z_]+)=", (FOLDER / "env.example").read_text("utf-8"), re.M))
    secrets = {each["environment"] for each in TOP["secrets"].values()}
    assert secrets <= known
    assert set(re.findall(r"\$\{([A-Z_]+)[:}]", re.sub(r"\$\{[A-Z_]+:-", "", text))) <= known
    for service in OURS.values():
        for name in service.get("environment", {}):
            check_variable(name)


def test_the_image_is_built_from_files_that_are_there():
    for service in OURS.values():
        build = service["build"]
        assert (FOLDER / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"
        assert set(build["args"]["MIRANTE_EXTRAS"].split(",")) <= extras()


def test_commands_exist():
    for name in ("mirante", "rules", "serve"):
        given = check_command(
            [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in SERVICES[name]["command"]]
        )
        if given["config"] is not None:
            assert place_in(name, str(given["config"])).name == "mirante.yaml"
    options = check_mlflow_command(SERVICES["mlflow"]["command"])
    assert int(options["--port"]) == PORTS["mlflow"]
    assert SERVICES["mlflow"]["entrypoint"] == ["mlflow"]
    assert any(one[1] == STATE for one in mounts("mlflow"))
    assert options["--artifacts-destination"].startswith(STATE)


def test_checks_of_health_ask_for_what_is_there():
    for name in ("mlflow", "serve"):
        code = SERVICES[name]["healthcheck"]["test"][-1]
        port, path = re.search(r"127\.0\.0\.1:(\d+)([^']*)'", code).groups()
        assert int(port) == PORTS[name]
        check_path(path, served=True)


def test_names_of_the_network_are_the_services(tmp_path):
    settings = read_config(FOLDER / "mirante.yaml", tmp_path)
    assert re.fullmatch(r"postgresql://mirante@postgres:5432/mirante", settings.store)
    assert settings.mlflow.tracking_uri == f"http://mlflow:{PORTS['mlflow']}"
    assert settings.web.port == PORTS["mirante"] == WebConfig().port
    assert "mirante" in settings.web.allowed_hosts
    allowed = check_mlflow_command(SERVICES["mlflow"]["command"])["--allowed-hosts"].split(",")
    assert settings.mlflow.tracking_uri.removeprefix("http://") in allowed
    for path in secret_paths((FOLDER / "mirante.yaml").read_text("utf-8")):
        assert path.removeprefix("/run/secrets/") in SERVICES["mirante"]["secrets"]
    (config,) = documents(FOLDER / "prometheus" / "prometheus.yml")
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"mirante:{PORTS['mirante']}"]}]
    credentials = job["authorization"]["credentials_file"]
    assert credentials.removeprefix("/run/secrets/") in SERVICES["prometheus"]["secrets"]
    (written,) = [one[1] for one in mounts("rules") if one[0] == "rules"]
    (read,) = [one[1] for one in mounts("prometheus") if one[0] == "rules"]
    assert SERVICES["rules"]["command"][-1] == f"{written}/mirante.yml"
    assert f"/etc/prometheus/{config['rule_files'][0]}" == f"{read}/*.yml"


def test_promtool_takes_the_config_with_the_rules_that_are_exported(tmp_path):
    promtool, folder = require_tool("promtool"), tmp_path / "prometheus"
    shutil.copytree(FOLDER / "prometheus", folder)
    (folder / "rules").mkdir()
    (tmp_path / "token").write_text("a long random token")
    text = (folder / "prometheus.yml").read_text("utf-8")
    (folder / "prometheus.yml").write_text(
        text.replace("/run/secrets/mirante_token", str(tmp_path / "token"))
    )
    config = yaml.safe_load((FOLDER / "mirante.yaml").read_text("utf-8")) | {"store": "sqlite:///none.db"}
    del config["store_password_file"]
    (tmp_path / "mirante.yaml").write_text(yaml.safe_dump(config))
    done = CliRunner().invoke(
        main,
        [
            "rules",
            "export",
            "-c",
            str(tmp_path / "mirante.yaml"),
            "-o",
            str(folder / "rules" / "mirante.yml"),
        ],
    )
    assert done.exit_code == 0, done.output
    said = subprocess.run(
        [promtool, "check", "config", "prometheus.yml"], cwd=folder, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert int(re.search(r"SUCCESS: (\d+) rules found", said.stdout)[1]) > 30


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    """PostgreSQL as the image starts it the first time: with passwords, and the script run once."""
    import psycopg

    secrets = tmp_path_factory.mktemp("secrets")
    for name, password in PASSWORDS.items():
        (secrets / f"{name}_db_password").write_text(password)
    with start_postgres() as server:
        server.run("CREATE ROLE postgres SUPERUSER LOGIN")
        with psycopg.connect(host=str(server.socket), user="postgres", autocommit=True) as connection:
            connection.execute("ALTER ROLE mirante RENAME TO first")  # the image's is called postgres
            hba = server.socket / "data" / "pg_hba.conf"
            hba.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")
        psql = require_tool("psql")
        environ = {
            "PATH": f"{psql.rpartition('/')[0]}:/usr/bin:/bin", "PGHOST": str(server.socket),
            "SECRETS": str(secrets),
        }  # fmt: skip
        done = subprocess.run(["sh", SCRIPT], env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        yield server


def test_the_databases_are_made_and_each_is_its_owners_alone(databases):
    import psycopg

    host = str(databases.socket)
    for name, password in PASSWORDS.items():
        with psycopg.connect(host=host, user=name, dbname=name, password=password) as connection:
            (found,) = connection.execute(
                "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s", [name]
            )
            assert found == ("UTF8",)
            connection.execute("CREATE TABLE things (n int)")
            connection.rollback()
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(host=host, user="mlflow", dbname="mirante", password=PASSWORDS["mlflow"])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=host, user="mirante", dbname="mirante", password="another one")


@contextmanager
def process(folder, name, *words, **environ):
    """Run a program of the stack; its output is in a file."""
    with (folder / f"{name}.log").open("wb") as log:
        env = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | environ
        started = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        yield started
    finally:
        started.terminate()
        started.wait(30)


def ask(address, token=""):
    """Return the JSON of an answer; None while nothing answers."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
    return None


def until(check, seconds=60):
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)
    return found


def test_the_files_work_together(databases, tmp_path):
    """Mirante on PostgreSQL, scraped by Prometheus with its rules: 10 s, since four programs start."""
    run_stack(databases, tmp_path, tracking="http://127.0.0.1:9")


def run_stack(databases, folder, *, tracking):
    port, scrape = free_port(), free_port()
    token = "a long random token of the stack"
    (folder / "mirante_token").write_text(token + "\n")
    (folder / "mirante_db_password").write_text(PASSWORDS["mirante"])
    swaps = {
        "@postgres:5432/mirante": f"@/mirante?host={databases.socket}", "/run/secrets": str(folder),
        "http://mlflow:5000": tracking, "port: 8765": f"port: {port}", "host: 0.0.0.0": "host: 127.0.0.1",
        "mirante:8765": f"127.0.0.1:{port}", "interval: 15s": "interval: 1s",
    }  # fmt: skip
    (folder / "prometheus" / "rules").mkdir(parents=True)
    for source in (FOLDER / "mirante.yaml", FOLDER / "prometheus" / "prometheus.yml"):
        text = source.read_text("utf-8")
        for old, new in swaps.items():
            text = text.replace(old, new)
        (folder / source.relative_to(FOLDER)).write_text(text)
    mirante = (sys.executable, "-m", "mirante")
    with process(folder, "mirante", *mirante, "up", "-c", "mirante.yaml"):
        health = until(lambda: ask(f"http://127.0.0.1:{port}/healthz", token))
        rules = [*mirante, "rules", "export", "-c", "mirante.yaml", "-o", "prometheus/rules/mirante.yml"]
        subprocess.run(rules, cwd=folder, check=True, capture_output=True)
        options = ["--config.file=prometheus/prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]
        listen = f"--web.listen-address=127.0.0.1:{scrape}"
        with process(folder, "prometheus", require_tool("prometheus"), *options, listen):
            api = f"http://127.0.0.1:{scrape}/api/v1"
            targets = until(lambda: up_targets(ask(f"{api}/targets")))
            groups = until(lambda: (ask(f"{api}/rules") or {}).get("data", {}).get("groups"))
    assert targets == ["mirante"]
    assert sum(len(group["rules"]) for group in groups) > 30
    return health


def up_targets(answer):
    active = (answer or {}).get("data", {}).get("activeTargets", [])
    return [target["labels"]["job"] for target in active if target["health"] == "up"]
