"""A door before a server, as companies put one before MLflow: TLS with a CA of its own, and a token."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.doubles.tls import make_certificate

_OWN = {"host", "content-length", "connection", "transfer-encoding", "authorization"}


@dataclass
class Door:
    """Where it is, who signed its certificate, and what it let through."""

    uri: str
    ca: Path
    statuses: list[int] = field(default_factory=list)


@contextmanager
def door(server: str, folder: Path, *, tokens: dict[str, str]) -> Iterator[Door]:
    """Open a door; a token stands for the Authorization header that the server itself wants."""
    certificate = make_certificate(folder)
    home = urlsplit(server).netloc

    class Guard(http.server.BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            shown = self.headers.get("Authorization", "")
            kind, _, secret = shown.partition(" ")
            if shown:
                headers["Authorization"] = tokens.get(secret, "Basic bm86bm8=") if kind == "Bearer" else shown
            inner = http.client.HTTPConnection(home, timeout=60)
            try:
                inner.request(self.command, self.path, body, headers)
                answer = inner.getresponse()
                said = answer.read()
            finally:
                inner.close()
            opened.statuses.append(answer.status)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Guard, f"do_{method}", Guard.pass_on)
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard)
    listener.daemon_threads = True
    listener.handle_error = lambda *_: None  # type: ignore[method-assign]  # who turned away at our certificate
    listener.socket = certificate.server().wrap_socket(
        listener.socket, server_side=True, do_handshake_on_connect=False
    )
    opened = Door(f"https://127.0.0.1:{listener.server_address[1]}", certificate.certificate)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield opened
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
