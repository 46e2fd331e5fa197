from click.testing import CliRunner

from mirante.cli import main
from tests.doubles.slack import Answer, slack_double


def run(file, name, **environ):
    return CliRunner().invoke(main, ["channels", "test", name, "-c", str(file)], env=environ)


def test_delivered_refused_and_unknown(tmp_path):
    file = tmp_path / "mirante.yaml"
    file.write_text("alerts: {channels: {chat: {type: slack, webhook_url: 'env:HOOK'}}}\n")
    with slack_double() as slack:
        done = run(file, "chat", HOOK=slack.url)
        assert done.exit_code == 0
        assert done.stdout.startswith("delivered to chat in ")
        slack.script = [Answer(404, b"channel_not_found"), Answer(500, b"oops")]
        final = run(file, "chat", HOOK=slack.url)
        assert final.exit_code == 1
        assert final.stderr.startswith("not delivered to chat: ")
        assert "tried again" not in final.stderr
        later = run(file, "chat", HOOK=slack.url)
        assert later.exit_code == 1
        assert later.stderr.rstrip().endswith("a notice of an alert would be tried again")
        assert slack.url not in final.stderr + later.stderr
    unknown = run(file, "mail")
    assert unknown.exit_code == 2
    assert unknown.stderr == "mirante: there is no channel 'mail' in the config; there are: chat\n"
