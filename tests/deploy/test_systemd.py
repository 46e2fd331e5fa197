"""Units: read here, and held by systemd's own check; no systemd runs in these tests."""

import re
import subprocess
import sys

import pytest

from mirante.app.service import _GRACE
from mirante.capture.serve.launcher import _MARGIN, ServeSettings
from tests.deploy.files import DEPLOY, check_command, check_variable, read_config, secret_paths
from tests.tools import require_tool

UNITS = DEPLOY / "systemd"
SERVICE, SERVE, AGENT = "mirante.service", "mirante-serve@.service", "mirante-agent.service"
HARD = {
    "ProtectSystem": "strict", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "PrivateTmp": "yes",
    "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "UMask": "0077",
    "SystemCallFilter": "@system-service", "User": "mirante", "StateDirectory": "mirante",
}  # fmt: skip


def settings_of(unit):
    """Return key and value of each line, by section."""
    found, section = {}, ""
    for line in (UNITS / unit).read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, mark, value = line.partition("=")
            assert mark, line
            found.setdefault(section, []).append((key, value))
    return found


def one(unit, key):
    (value,) = [value for name, value in settings_of(unit)["Service"] if name == key]
    return value


@pytest.mark.parametrize("unit", [SERVICE, SERVE, AGENT])
def test_systemd_takes_it_and_calls_it_safe(unit, tmp_path):
    analyze = require_tool("systemd-analyze")
    name = unit.replace("@", "@churn")
    program = tmp_path / "mirante"  # a unit's command would end at a space in the path
    program.symlink_to(sys.executable)
    text = (UNITS / unit).read_text("utf-8").replace("/opt/mirante/bin/mirante", str(program))
    (tmp_path / unit).write_text(text)
    (tmp_path / name).write_text(text)
    done = subprocess.run([analyze, "verify", "--man=no", tmp_path / name], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = subprocess.run(
        [analyze, "security", "--offline=true", tmp_path / name], capture_output=True, text=True
    )
    exposure = float(re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)[1])
    assert exposure < 3.0  # of 10; the host's readings want to see processes and file systems


@pytest.mark.parametrize("unit", [SERVICE, SERVE, AGENT])
def test_it_is_started_again_hardened_and_not_cut_short(unit):
    keys = dict(settings_of(unit)["Service"])
    assert keys.items() >= (HARD | {"Type": "exec", "Restart": "on-failure", "KillMode": "mixed"}).items()
    assert keys["RestartPreventExitStatus"] == "2"  # what a wrong config ends with
    assert settings_of(unit)["Install"] == [("WantedBy", "multi-user.target")]
    for name in re.findall(r"(\w+)=", keys["Environment"]):
        check_variable(name)


def test_time_to_stop_is_more_than_they_take():
    seconds = {unit: float(one(unit, "TimeoutStopSec").removesuffix("s")) for unit in (SERVICE, SERVE)}
    assert seconds[SERVICE] > 5 * 1.5 * _GRACE
    assert seconds[SERVE] > ServeSettings("", DEPLOY).timeout + 2 * _MARGIN


def test_commands_exist_and_read_the_config_that_is_beside():
    for unit in (SERVICE, SERVE):
        line = one(unit, "ExecStart").replace("%i", "churn")
        for name, value in environment().items():
            line = line.replace(f"${{{name}}}", value)
        program, *words = line.split()
        assert program == "/opt/mirante/bin/mirante"
        given = check_command(words)
        assert str(given["config"]) == "/etc/mirante/mirante.yaml"
    assert given["model_uri"] == "models:/churn@champion"
    assert (given["port"], given["workers"]) == (5001, 2)


def environment():
    lines = (UNITS / "serve.env.example").read_text("utf-8").splitlines()
    return dict(line.removeprefix("# ").split("=", 1) for line in lines if re.match(r"(# )?[A-Z_]+=", line))


def test_variables_of_the_environment_file_are_read():
    own = {"SERVE_PORT", "SERVE_WORKERS"}
    used = set(re.findall(r"\$\{(\w+)\}", one(SERVE, "ExecStart")))
    assert used == own
    for name in environment().keys() - own:
        check_variable(name)


def test_the_config_is_read_and_its_secrets_are_those_that_are_loaded(tmp_path):
    settings = read_config(UNITS / "mirante.yaml", tmp_path)
    wanted = set(secret_paths((UNITS / "mirante.yaml").read_text("utf-8")))
    loaded = [value.split(":") for name, value in settings_of(SERVICE)["Service"] if name == "LoadCredential"]
    assert {f"/run/credentials/{SERVICE}/{name}" for name, _ in loaded} == wanted
    assert all(place == f"/etc/mirante/credentials/{name}" for name, place in loaded)
    state = f"{tmp_path}/var/lib/{one(SERVICE, 'StateDirectory')}/"
    assert str(settings.store_file).startswith(state)
    assert all(str(model.log).startswith(state) for model in settings.models)
    user = (UNITS / "mirante.sysusers").read_text("utf-8").split()
    assert user[:2] == ["u", one(SERVICE, "User")]
