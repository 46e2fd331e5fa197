"""Channels from their config, and that no secret of one is ever shown."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.config import CHANNELS, build_channels
from mirante.alerts.config import AlertsConfig
from mirante.alerts.outbox import Outbox
from mirante.errors import ConfigError
from mirante.sinks.prometheus import Exposition
from mirante.store import NoticeRow, Store
from mirante.yaml_file import checked, parse_yaml

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def channels(text: str) -> AlertsConfig:
    return checked(AlertsConfig, parse_yaml(f"channels:\n  c: {{{text}}}", source="mirante.yaml"))


# What each type is made of: its config around secrets that lead to a port where nobody listens.
TYPES = {
    "alertmanager": "url: 'http://127.0.0.1:{port}/hidden-path-1', authorization: 'Bearer hidden-token'",
    "apprise": "url: 'json://hidden-user:hidden-token@127.0.0.1:{port}/hidden-path-1'",
    "email": "smtp_server: '127.0.0.1:{port}', smtp_user: a, smtp_password: hidden-1, recipients: [a@b.c]",
    "slack": "webhook_url: 'http://127.0.0.1:{port}/hidden-path-1'",
    "webhook": f"url: 'http://127.0.0.1:{{port}}/hidden-path-1', secret: {SIGNING}",
}


def shows_nothing(text: str) -> None:
    assert "hidden" not in text
    assert SIGNING not in text
    assert SIGNING.removeprefix("whsec_") not in text


def test_every_type_with_a_secret_is_here() -> None:
    assert TYPES.keys() == CHANNELS.keys() - {"console"}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_no_secret_is_shown(
    kind: str,
    store: Store,
    free_port: int,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = channels(f"type: {kind}, {TYPES[kind].format(port=free_port)}")
    built = build_channels(config.channels)
    notice = Notice("a", "message", "info", "x", (NoticeAlert("firing", "y"),), created_at=NOW)
    store.outbox.add(NoticeRow("a", "c", "message", NOW, NOW, payload=notice.payload()))
    with caplog.at_level("DEBUG"), capture_logs() as logs:
        (attempt,) = asyncio.run(Outbox(store, built).run_once(NOW))
    assert attempt.outcome == "retry"
    shows_nothing(repr(config) + str(config) + config.model_dump_json() + repr(built) + repr(attempt))
    shows_nothing(repr(store.outbox.list()) + repr(store.events.list()) + Exposition(store).render().decode())
    out, err = capfd.readouterr()
    shows_nothing(f"{out}{err}{logs}{caplog.text}")


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_no_secret_is_in_an_error_of_its_config(kind: str) -> None:
    secrets = TYPES[kind].format(port=1)
    for wrong in (
        f"{secrets}, colour: red",
        f"{secrets}, url_file: 'https://hidden'",
        f"{secrets}, type2: 3",
    ):
        with pytest.raises(ConfigError) as caught:
            channels(f"type: {kind}, {wrong}")
        shows_nothing(str(caught.value))
    broken = {key: "hidden hidden" for key in ("url", "webhook_url", "secret") if f" {key}:" in f" {secrets}"}
    if broken:
        config = channels(f"type: {kind}, {', '.join(f'{k}: {v}' for k, v in broken.items())}")
        with pytest.raises(ConfigError) as caught:
            build_channels(config.channels)
        shows_nothing(str(caught.value))


@pytest.mark.parametrize("kind", ["alertmanager", "apprise", "webhook", "slack"])
def test_an_address_is_needed_once(kind: str) -> None:
    key = "webhook_url" if kind == "slack" else "url"
    for text in (f"type: {kind}", f"type: {kind}, {key}: a, {key}_file: b"):
        with pytest.raises(ConfigError, match=f"needs either '{key}'"):
            channels(text)


def test_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://h/x\n")
    (tmp_path / "secret").write_text(f"{SIGNING}\n")
    config = channels("type: webhook, url_file: url, secret_file: secret")
    assert repr(build_channels(config.channels, base=tmp_path)["c"]) == "WebhookChannel(***)"
    with pytest.raises(ConfigError, match=r"alerts\.channels\.c: 'url_file' .* cannot be read"):
        build_channels(config.channels, base=tmp_path / "elsewhere")


def test_lengths_of_time_have_units() -> None:
    assert (
        channels("type: alertmanager, url: 'http://h', resolve_after: 3d").channels["c"].resolve_after.days
        == 3
    )
    for wrong in ("3", "0s"):
        with pytest.raises(ConfigError, match="resolve_after"):
            channels(f"type: alertmanager, url: 'http://h', resolve_after: {wrong}")
