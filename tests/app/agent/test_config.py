from datetime import timedelta

import pytest

from mirante.app.agent.config import AGENT_TEMPLATE, AgentConfig, load_agent
from mirante.errors import ConfigError


def write(folder, text):
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_is_a_config(tmp_path):
    found = load_agent(write(tmp_path, AGENT_TEMPLATE))
    assert found.to == "https://mirante.example.org"
    assert (found.spool, found.token_file) == (tmp_path / "mirante-agent", tmp_path / "token")
    assert (found.max_size, found.max_age) == (256 * 10**6, timedelta(days=7))
    shown = {line.lstrip("# ").partition(":")[0] for line in AGENT_TEMPLATE.splitlines() if ":" in line}
    assert set(AgentConfig.model_fields) - shown == {"host", "token"}


def test_options_stand_before_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    path = write(tmp_path / "conf", "to: http://a:1\nlog: rows\ntoken: env:T\ninterval: 30s\n")
    (tmp_path / "t").write_text("secret\n")
    found = load_agent(
        path, to="http://b:2", spool=tmp_path / "s", token_file=(tmp_path / "t").name, name=None
    )
    assert (found.to, found.spool, found.log) == ("http://b:2", tmp_path / "s", tmp_path / "conf" / "rows")
    assert found.token_file == tmp_path / "t"
    assert found.secret({}) == "secret"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spool: s\n", "no service is named"),
        ("to: ftp://x\n", "line 1: to: got a text; needs an http address"),
        ("to: https://a\ninterval: 0s\n", "line 2: interval"),
        ("to: https://a\ninterval: 2d\n", "line 2: interval"),
        ("to: https://a\nwindow: 1h\n", "line 2"),
        ("to: https://a\nretention: 3m\n", "line 2: retention: is 3m; .* need at least 1d"),
        ("to: https://a\nmax_age: 0s\n", "line 2: max_age: is 0s; .* needs at least 1h"),
        ("- to\n", "keys and values"),
        ("to: https://a\ntoken_file: https://secret\n", "the path of a file"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        load_agent(write(tmp_path, text))


def test_a_small_disk_may_keep_rows_for_hours_and_is_warned(tmp_path):
    path = write(tmp_path, "to: https://a\nretention: 12h\n")
    assert load_agent(path).doubts == [
        "retention is 12h; rows that the service waits for stay, and need at least 1d"
    ]
    assert AgentConfig(to="https://a").doubts == []


def test_what_is_wrong_with_an_option_is_said_by_its_name(tmp_path):
    path = write(tmp_path, "to: https://a\ninterval: 30s\n")
    for given, said in (({"to": "foo"}, "--to: got a text"), ({"interval": "0"}, '--interval: got "0"')):
        with pytest.raises(ConfigError, match=f"^{said}"):
            load_agent(path, **given)


@pytest.mark.parametrize("token", ["two words", "é", " "])
def test_a_token_that_no_header_takes_is_said_without_it(token):
    with pytest.raises(ConfigError, match="the token is empty") as caught:
        AgentConfig(to="https://a", token=token).secret()
    assert token.strip() not in str(caught.value) or not token.strip()
    assert AgentConfig(to="https://a").secret() is None


def test_a_token_that_can_be_read_on_the_way_is_known():
    addresses = ["https://a", "http://127.0.0.1:1", "http://[::1]:1", "http://web-1:8765"]
    assert [AgentConfig(to=to).in_the_clear for to in addresses] == [False, False, False, True]


def test_the_host_has_the_machines_name_unless_said():
    assert AgentConfig(to="https://a").host_name
    assert AgentConfig(to="https://a", name="web-2").host_name == "web-2"
