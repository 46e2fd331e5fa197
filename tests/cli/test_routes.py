import pytest
from click.testing import CliRunner

from mirante.cli import main

CONFIG = """\
alerts:
  channels: {chat: {type: console}, mail: {type: console}}
  routes:
    channels: [chat]
    routes:
    - {match: {severity: critical}, channels: [mail, chat]}
"""


@pytest.fixture
def routes(tmp_path):
    file = tmp_path / "mirante.yaml"
    file.write_text(CONFIG)
    return lambda *arguments: CliRunner().invoke(main, ["routes", "test", "-c", str(file), *arguments])


def test_channels_routes_groups_and_waits(routes):
    done = routes("severity=critical", "rule=busy", "host=a=b")
    assert done.exit_code == 0
    mail, chat = done.stdout.splitlines()
    assert mail.startswith(
        "mail: route severity=critical; grouped as rule=busy, severity=critical; told after 30s"
    )
    assert chat.startswith("chat: route severity=critical; ")
    assert routes().stdout.startswith("chat: route of the root; ")


@pytest.mark.parametrize(
    ("wanted", "code", "said"),
    [("mail, chat", 0, ""), ("chat,mail", 0, ""), ("mail", 1, "expected mail; got chat, mail\n"),
     ("", 1, "expected none; got chat, mail\n")],
)  # fmt: skip
def test_verified_channels(routes, wanted, code, said):
    done = routes("severity=critical", "--verify-channels", wanted)
    assert (done.exit_code, done.stderr) == (code, said)


@pytest.mark.parametrize("text", ["severity", "=critical"])
def test_what_is_no_label(routes, text):
    done = routes(text)
    assert done.exit_code == 2
    assert "is no label; write LABEL=VALUE" in done.stderr


def test_without_a_config_there_is_no_channel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["routes", "test", "severity=info"])
    assert (done.exit_code, done.stdout) == (0, "no channel\n")
