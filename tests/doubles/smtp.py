"""Mail servers on loopback: a real one (aiosmtpd), and one that accepts a connection and says nothing."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "mirante", "hunter2-hunter2"


@dataclass
class Mailbox:
    """What a server took, and the answers that it gives instead of taking."""

    port: int = 0
    raw: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    tls: list[bool] = field(default_factory=list)
    on_data: list[str] = field(default_factory=list)
    on_recipient: dict[str, str] = field(default_factory=dict)

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.on_recipient.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.on_data.pop(0) if self.on_data else "250 OK"
        if answer.startswith("250"):
            self.raw.append(envelope.content)
            self.recipients.append(list(envelope.rcpt_tos))
            self.tls.append(session.ssl is not None)
        return answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        login = data.login.decode(), data.password.decode()
        self.logins.append(login)
        # handled=False on refusal: otherwise aiosmtpd sends no answer at all
        return AuthResult(success=login == (USER, PASSWORD), handled=False)


class _Hooks:
    """The box as aiosmtpd sees it: at each connection it asks for every attribute, `messages` too."""

    def __init__(self, box: Mailbox) -> None:
        self.handle_RCPT, self.handle_DATA = box.handle_RCPT, box.handle_DATA


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(context: ssl.SSLContext | None = None, *, login: bool = False) -> Iterator[Mailbox]:
    """Run a mail server; with a context it demands STARTTLS, with `login` also a name and a password."""
    box = Mailbox(port=_free_port())
    settings: dict[str, Any] = {"hostname": "127.0.0.1", "port": box.port}
    if context is not None:
        settings |= {"tls_context": context, "require_starttls": True}
    if login:
        settings |= {"auth_required": True, "authenticator": box.authenticate}
    controller = Controller(_Hooks(box), **settings)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def silent_server() -> Iterator[int]:
    """Run a server that accepts connections and never says a word; gives its port."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    for connection in held:
        connection.close()
