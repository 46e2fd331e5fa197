"""Tables behind http addresses: a real server on the loopback, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mirante.errors import InputError
from mirante.tracking.downloads import download


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        onward = {
            "/moved.csv": "/rows.csv",
            "/round.csv": "/round.csv",
            "/inside.csv": "http://169.254.169.254/latest/meta-data/",
            "/file.csv": "file:///etc/passwd",
        }.get(path)
        if onward:
            self.send_response(302)
            self.send_header("Location", onward)
            self.end_headers()
        elif path == "/" or path.endswith("rows.csv"):
            self.send_response(200)
            self.send_header("Content-Disposition", 'attachment; filename="../../evil.csv"')
            self.end_headers()
            self.wfile.write(b"age\n1\n2\n")
        else:
            self.send_error(404)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  the parent's name
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/rows.csv", "rows.csv"),
        ("/moved.csv?token=1", "moved.csv"),
        ("/a/%2E%2E%2F%2e%2e%2frows.csv", "rows.csv"),
        ("/", "dataset"),
    ],
)
def test_a_file_is_fetched_under_its_own_name(address: str, tmp_path: Path, path: str, name: str) -> None:
    found = download(address + path, tmp_path)
    assert found == tmp_path / name
    assert found.read_bytes() == b"age\n1\n2\n"
    assert list(tmp_path.rglob("*")) == [found]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/gone.csv", r"cannot be fetched \(it answers 404\); download it yourself"),
        ("/round.csv", "redirected more than 5 times"),
        ("/inside.csv", "is at 169.254.169.254, where no data set is fetched from"),
        ("/file.csv", "is no http address"),
    ],
)
def test_what_is_not_fetched_is_said(address: str, tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        download(address + path, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/rows.csv",
        "http://[fe80::1]/rows.csv",
        "http://[::ffff:169.254.169.254]/rows.csv",
        "http://0.0.0.0/rows.csv",
        "http://2852039166/rows.csv",  # 169.254.169.254 as one number
        "ftp://127.0.0.1/rows.csv",
        "http:///rows.csv",
    ],
)
def test_addresses_that_only_this_machine_reaches_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"where no data set is fetched from|is no http address"):
        download(address, tmp_path)


def test_a_file_that_is_too_long_is_given_up(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="longer than 5 bytes; download it yourself"):
        download(f"{address}/rows.csv", tmp_path, most_bytes=5)


def test_a_server_that_is_away_is_said_without_the_password(free_port: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be fetched \(nothing answers there\)") as caught:
        download(f"http://ana:secret@127.0.0.1:{free_port}/rows.csv?token=1", tmp_path)
    assert "secret" not in str(caught.value)
    assert "token" not in str(caught.value)
    assert "give it with --data FILE" in str(caught.value)
