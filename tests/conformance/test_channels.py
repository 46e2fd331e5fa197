"""What every channel must do, held against every channel of the registry."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.alertmanager import AlertmanagerChannel
from mirante.alerts.channels.apprise import AppriseChannel
from mirante.alerts.channels.base import Channel, Notice, NoticeAlert
from mirante.alerts.channels.config import CHANNELS
from mirante.alerts.channels.console import ConsoleChannel
from mirante.alerts.channels.email import EmailChannel
from mirante.alerts.channels.slack import SlackChannel
from mirante.alerts.channels.webhook import WebhookChannel
from mirante.errors import DeliveryError
from tests.doubles.slack import Answer, SlackDouble, slack_double
from tests.doubles.smtp import PASSWORD, USER, mail_server, silent_server
from tests.doubles.tls import make_certificate

SECRET = "secretsecretsecretsecret"
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVIL = (
    '"><img src=x onerror=alert(1)> {{7*7}} {0.__class__} <!channel> \r\n'
    "Bcc: a@b.c \x00 \u202e =cmd|calc ../../etc/passwd"
)
PLAIN = Notice(
    "a1", "first_firing", "critical", "Critical alert: x", (NoticeAlert("firing", "x", {"host": "a"}, 1.0),)
)
HOSTILE = Notice(
    EVIL,
    EVIL,
    "critical",
    EVIL,
    (
        NoticeAlert(
            "firing", EVIL, {EVIL: EVIL}, float("nan"), None, EVIL, note=EVIL, moved=(EVIL,), slices=(EVIL,)
        ),
    )
    * 300,
)


@dataclass
class Case:
    """A channel that works, one with a silent other side, one refused in passing, one refused for good."""

    works: Channel
    read: Callable[[], str]
    silent: Channel | None = None
    later: Channel | None = None
    never: Channel | None = None


def _console(stack: ExitStack, folder: Path) -> Case:
    stream, closed = io.StringIO(), io.StringIO()
    closed.close()
    return Case(ConsoleChannel(stream), stream.getvalue, later=ConsoleChannel(closed))


def _slack(stack: ExitStack, folder: Path) -> Case:
    def made(answer: Answer | None = None, timeout: float = 5.0) -> tuple[SlackChannel, object]:
        double = stack.enter_context(slack_double())
        double.always = answer
        return SlackChannel(SecretStr(double.url), timeout=timeout, interval=0), double

    works, double = made()
    return Case(
        works,
        lambda: "\n".join(
            [double.requests[-1].json["text"], json.dumps(double.requests[-1].json["blocks"][1:])]
        ),
        made(Answer(kind="hang"), timeout=0.5)[0],
        made(Answer(503, SECRET.encode()))[0],
        made(Answer(403, SECRET.encode()))[0],
    )


def _http(
    stack: ExitStack, make: Callable[[str, float], Channel], read: Callable[[SlackDouble], str]
) -> Case:
    def made(answer: Answer, timeout: float = 5.0) -> tuple[Channel, SlackDouble]:
        double = stack.enter_context(slack_double())
        double.always = answer
        return make(double.url, timeout), double

    works, double = made(Answer())
    return Case(
        works,
        lambda: read(double),
        made(Answer(kind="hang"), timeout=0.5)[0],
        made(Answer(503, SECRET.encode()))[0],
        made(Answer(403, SECRET.encode()))[0],
    )


def _webhook(stack: ExitStack, folder: Path) -> Case:
    def make(url: str, timeout: float) -> WebhookChannel:
        return WebhookChannel(SecretStr(url), secret=SecretStr(SIGNING), timeout=timeout)

    return _http(stack, make, lambda double: double.requests[-1].body.decode())


def _alertmanager(stack: ExitStack, folder: Path) -> Case:
    def make(url: str, timeout: float) -> AlertmanagerChannel:
        return AlertmanagerChannel(
            SecretStr(url), authorization=SecretStr(f"Bearer {SECRET}"), timeout=timeout
        )

    def read(double: SlackDouble) -> str:
        # Alertmanager escapes what it shows; what must not pass are characters that nobody sees
        told = json.dumps(double.requests[-1].json, ensure_ascii=False)
        return told.replace("<", "").replace("{{7*7}}", "")

    return _http(stack, make, read)


def _apprise(stack: ExitStack, folder: Path) -> Case:
    def make(url: str, timeout: float) -> AppriseChannel:
        return AppriseChannel(SecretStr(url.replace("http:", "json:")), timeout=timeout)

    return _http(stack, make, lambda double: f"{double.requests[-1].json['message']}")


def _email(stack: ExitStack, folder: Path) -> Case:
    certificate = make_certificate(folder)

    def made(port: int, password: str = PASSWORD, timeout: float = 5.0) -> EmailChannel:
        return EmailChannel(
            f"127.0.0.1:{port}",
            "ops@example.org",
            user=USER,
            password=SecretStr(password),
            sender="m@example.org",
            tls_context=certificate.client(),
            timeout=timeout,
        )

    box = stack.enter_context(mail_server(certificate.server(), login=True))
    later = stack.enter_context(mail_server(certificate.server(), login=True))
    later.on_data = [f"451 {PASSWORD}"] * 9
    return Case(
        made(box.port),
        lambda: "".join(part.get_content() for part in box.messages[-1].iter_parts()),
        made(stack.enter_context(silent_server()), timeout=0.5),
        made(later.port),
        made(box.port, SECRET),
    )


KITS = {
    "alertmanager": _alertmanager,
    "apprise": _apprise,
    "console": _console,
    "email": _email,
    "slack": _slack,
    "webhook": _webhook,
}


@pytest.fixture(params=sorted(CHANNELS))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    assert request.param in KITS, f"channel {request.param!r} has no kit here: add one"
    with ExitStack() as stack:
        yield KITS[request.param](stack, tmp_path)


def fails(channel: Channel | None) -> DeliveryError:
    if channel is None:
        pytest.skip("this channel cannot fail so")
    with pytest.raises(DeliveryError) as caught:
        asyncio.run(channel.deliver(PLAIN))
    return caught.value


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_the_registry_names_classes_with_one_method(name: str) -> None:
    module, _colon, attribute = CHANNELS[name].partition(":")
    made = getattr(import_module(module), attribute)
    assert inspect.iscoroutinefunction(made.deliver)
    assert [n for n, _v in inspect.getmembers(made, inspect.isfunction) if not n.startswith("_")] == [
        "deliver"
    ]


def test_it_delivers(case: Case) -> None:
    asyncio.run(case.works.deliver(PLAIN))
    assert "host" in case.read()
    assert case.read().isascii() or "…" in case.read()


def test_it_tells_what_moved_and_then_in_which_slice(case: Case) -> None:
    moved, where = (
        "delay moved: KS distance 0.41.",
        "delay moved mainly where carrier = EV: median 2 -> 31 there.",
    )
    alert = NoticeAlert("firing", "x", {"host": "a"}, 1.0, moved=(moved,), slices=(where,))
    asyncio.run(case.works.deliver(replace(PLAIN, alerts=(alert,))))
    told = case.read().replace("\\u003e", ">").replace("&gt;", ">").replace("›", ">")
    assert 0 <= told.index(moved) < told.index(where)


def test_it_delivers_hostile_names_without_letting_them_act(case: Case) -> None:
    asyncio.run(case.works.deliver(HOSTILE))
    told = case.read()
    assert "\x00" not in told
    assert "\u202e" not in told
    if not isinstance(case.works, ConsoleChannel):
        html = told[told.index("<!doctype") :] if "<!doctype" in told else told
        assert "<img" not in html
        assert "<!channel>" not in html
    # {{7*7}} was not worked out; the 49 of a time or an id stands beside other signs
    assert re.search(r"(?<![\w:.+-])49(?![\w:.+-])", told) is None


def test_it_works_in_one_loop_after_another(case: Case) -> None:
    for _ in range(2):
        asyncio.run(case.works.deliver(PLAIN))


def test_silence_ends_at_the_deadline_and_is_tried_again(case: Case) -> None:
    start = time.monotonic()
    assert fails(case.silent).retry is True
    assert time.monotonic() - start < 2


def test_a_passing_trouble_is_tried_again(case: Case) -> None:
    assert fails(case.later).retry is True


def test_a_lasting_trouble_is_not(case: Case) -> None:
    assert fails(case.never).retry is False


@pytest.mark.parametrize("which", ["silent", "later", "never"])
def test_no_secret_in_any_error(case: Case, which: str) -> None:
    error = fails(getattr(case, which))
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None:
        chain.append(found)
        found = found.__cause__
    for each in chain:
        assert SECRET not in repr(each)
        assert PASSWORD not in repr(each)
        assert SIGNING not in repr(each)
    assert SECRET not in repr(getattr(case, which))
