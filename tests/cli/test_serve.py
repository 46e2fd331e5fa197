import socket

import pytest
from click.testing import CliRunner

from mirante.capture.serve import launcher
from mirante.cli import main


@pytest.fixture
def told(monkeypatch):
    """What the command would serve."""
    found = []
    monkeypatch.setattr(launcher, "serve", lambda settings, say: found.append(settings))
    return found


def run(*arguments):
    return CliRunner().invoke(main, ["serve", *arguments])


def test_every_option_reaches_the_launcher(told, tmp_path):
    done = run(
        "runs:/1/model", "--host", "0.0.0.0", "--port", "0", "--workers", "3", "--log", str(tmp_path / "l"),
        "--model", "churn", "--version", "7", "--prediction", "1", "--drop", "name",
        "--drop", "mail", "--timeout", "5",
        "--flush-interval", "0.2", "--tracking-uri", "http://127.0.0.1:9",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert told == [
        launcher.ServeSettings(
            "runs:/1/model",
            tmp_path / "l",
            "0.0.0.0",
            0,
            3,
            "churn",
            "7",
            "1",
            {"drop": ["name", "mail"]},
            5,
            "http://127.0.0.1:9",
            0.2,
        )
    ]


@pytest.mark.parametrize(
    ("uri", "options"),
    [
        ("models:/churn@champion", []),
        ("models:/churn/3", []),
        ("runs:/1/m", ["--model", "churn", "--version", "3"]),
    ],
)
def test_without_a_folder_rows_go_where_the_service_looks_for_them(told, tmp_path, monkeypatch, uri, options):
    monkeypatch.chdir(tmp_path)
    run(uri, *options)
    (tmp_path / "mirante.yaml").write_text("models: [{model: churn, log: here}, {model: price, log: there}]")
    run(uri, *options)
    assert [settings.log for settings in told] == [tmp_path / "inference-log", tmp_path / "here"]
    assert told[0].host == "127.0.0.1"


def test_the_config_says_what_is_recorded_and_drop_adds_to_it(told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("correct horse battery")
    privacy = "{drop: [name], hash: [mail], key_file: key, sample: 0.5}"
    (tmp_path / "mirante.yaml").write_text(f"models: [{{model: churn, privacy: {privacy}}}]")
    assert run("models:/churn/3", "--drop", "phone").exit_code == 0
    assert told[0].privacy == {
        "drop": ["name", "phone"],
        "hash": ["mail"],
        "key": None,
        "key_file": str(tmp_path / "key"),
        "sample": 0.5,
    }
    (tmp_path / "key").unlink()
    done = run("models:/churn/3")
    assert done.exit_code == 2
    assert "key" in done.output
    assert len(told) == 1


def test_a_column_cannot_be_dropped_and_hashed(told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    privacy = "{hash: [ssn], key: correct horse battery}"
    (tmp_path / "mirante.yaml").write_text(f"models: [{{model: churn, privacy: {privacy}}}]")
    done = run("models:/churn/3", "--drop", "ssn")
    assert (done.exit_code, told) == (2, [])
    assert "--drop: the columns ['ssn'] are in both drop and hash; keep each in one" in done.output
    assert "horse" not in done.output
    assert run("models:/churn/3", "--drop", "__id").exit_code == 2


def test_a_taken_port_is_said_in_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run("models:/churn/3", "--port", port, "--log", str(tmp_path))
    assert done.exit_code == 2
    assert done.output.startswith(f"mirante: cannot listen at 127.0.0.1, port {port}: Address already in use")
    assert "--port, or 0 for a free one" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs:/1/model"], "does not say which version of which registered model it is"),
        (["/not/there", "--model", "a", "--version", "1"], "the model /not/there cannot be had"),
        (["models:/churn/Production"], "names a stage"),
        (["models:/churn/3", "--host", "not.a.host.invalid"], "is no address of this machine"),
        (["models:/churn/3", "--workers", "0"], "--workers"),
        (["{folder}", "--model", "a", "--version", "1"], "holds no MLmodel file"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_sentence(tmp_path, tracking_off, arguments, said):
    given = [argument.format(folder=tmp_path) for argument in arguments]
    done = run(*given, "--port", "0", "--log", str(tmp_path / "log"))
    assert done.exit_code in (1, 2)
    assert said in done.output
    assert "Traceback" not in done.output
