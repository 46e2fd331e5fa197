from datetime import UTC, datetime

import pytest

from mirante.app.channel_test import send_test_notice
from mirante.app.settings import Settings
from mirante.errors import ConfigError
from tests.doubles.slack import slack_double

NOW = datetime(2013, 2, 8, tzinfo=UTC)
SLACK = {"type": "slack", "webhook_url": "env:HOOK"}


def settings(**channels):
    return Settings(alerts={"channels": channels}, locale="pt_BR")


def test_a_real_notice_arrives_in_the_language_of_the_config():
    with slack_double() as slack:
        attempt = send_test_notice(settings(chat=SLACK), "chat", NOW, environ={"HOOK": slack.url})
        assert (attempt.outcome, attempt.error) == ("delivered", "")
        assert len(slack.requests) == 1
        assert "Teste do canal chat" in str(slack.requests[0].json)


def test_the_error_is_the_channels():
    attempt = send_test_notice(settings(chat=SLACK), "chat", NOW, environ={"HOOK": "http://127.0.0.1:1/x"})
    assert attempt.outcome == "retry"
    assert attempt.error
    assert "127.0.0.1:1/x" not in attempt.error


def test_other_channels_need_not_work():
    both = settings(chat={"type": "console"}, broken=SLACK)
    assert send_test_notice(both, "chat", NOW, environ={}).outcome == "delivered"
    with pytest.raises(ConfigError, match="HOOK"):
        send_test_notice(both, "broken", NOW, environ={})


def test_a_channel_that_is_not_there():
    with pytest.raises(ConfigError, match="there is no channel 'nope' in the config; there are: chat"):
        send_test_notice(settings(chat={"type": "console"}), "nope", NOW)
