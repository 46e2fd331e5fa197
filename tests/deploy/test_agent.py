"""The agent's unit and its config, where this release has the command."""

import pytest

from mirante.cli import main
from tests.deploy.files import check_command, secret_paths
from tests.deploy.test_systemd import AGENT, UNITS, one, settings_of

pytestmark = pytest.mark.skipif("agent" not in main.commands, reason="there is no mirante agent yet")


def test_the_agents_unit_reads_its_config_and_finds_its_token(tmp_path):
    from mirante.app.agent.config import load_agent

    given = check_command(one(AGENT, "ExecStart").split()[1:])
    assert str(given["config"]) == "/etc/mirante/agent.yaml"
    text = (UNITS / "agent.yaml").read_text("utf-8")
    (loaded,) = [
        value.split(":") for name, value in settings_of(AGENT)["Service"] if name == "LoadCredential"
    ]
    assert secret_paths(text) == [f"/run/credentials/{AGENT}/{loaded[0]}"]
    (tmp_path / "token").write_text("a long random token")
    (tmp_path / "agent.yaml").write_text(text.replace(secret_paths(text)[0], str(tmp_path / "token")))
    settings = load_agent(tmp_path / "agent.yaml")
    assert settings.to == "https://mirante.example.com"
    assert all(str(place).startswith("/var/lib/mirante/") for place in (settings.log, settings.spool))
