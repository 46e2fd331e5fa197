import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mirante.app.agent.centre import AwayError, Centre, RefusedError
from mirante.app.agent.spool import Batch
from mirante.errors import ConfigError
from mirante.web.api.agent_models import FORMAT
from tests.app.agent.site import START
from tests.doubles.tls import make_certificate

BATCH = Batch(7, "readings", 1, 99, b"{}")
TAKEN = (200, {"sequence": 7, "taken": True, "windows": 0})


@contextmanager
def answering(status, body, tls=None, **headers):
    """A server that gives one answer to everything, and the requests that it got."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length") or 0)
            asked.append((self.path, dict(self.headers), self.rfile.read(length)))
            said = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST  # noqa: N815  the name that the server calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def centre(address, token="hunter2", **more):
    return Centre(address, lambda: token, clock=lambda: START, seconds=5, **more)


def test_a_batch_goes_with_its_token_form_checksum_and_time():
    with answering(*TAKEN) as (address, asked):
        assert centre(f"{address}/base/").send(BATCH) is True
    ((path, headers, body),) = asked
    assert (path, body) == ("/base/api/v1/agents/batches", b"{}")
    wanted = {"Authorization": "Bearer hunter2", "X-Mirante-Format": "1", "X-Mirante-Checksum": "99"}
    wanted |= {"X-Mirante-Speaks": str(FORMAT)}  # also where the batch is of an older form
    wanted |= {"X-Mirante-Sent": "2026-01-05T00:00:00Z", "Content-Type": "application/json"}
    said = {name.lower(): value for name, value in headers.items()}
    assert {name: said.get(name.lower()) for name in wanted} == wanted
    with answering(*TAKEN) as (address, asked):
        centre(address, token=None).send(BATCH)
    assert "Authorization" not in asked[0][1]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_will_never_be_taken_is_refused_with_the_reason(status):
    refused = pytest.raises(RefusedError, match=f"{status}: no window begins there")
    with answering(status, {"detail": "no window begins there"}) as (address, _), refused:
        centre(address).send(BATCH)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"detail": "a token is needed"}, "does not take the token; give its web.agent_token"),
        (403, {"detail": "web.read_only is set"}, "403: web.read_only is set"),
        (404, b"", "no place for agents"),
        (302, b"", "no place for agents"),
        (409, {"detail": "another agent called 'a'"}, "another agent called 'a'"),
        (426, {"detail": "upgrade the service"}, "426: upgrade the service"),
        (500, b"<html>", "500: <html>"),
        (200, b"<html>", "does not answer as a Mirante service does"),
        (200, {"sequence": 6}, "does not answer as a Mirante service does"),
    ],
)
def test_everything_else_means_later_and_never_shows_the_token(status, body, said):
    away = pytest.raises(AwayError, match=said)
    with answering(status, body, Location="http://127.0.0.1:1/") as (address, _), away as caught:
        centre(address).send(BATCH)
    assert "hunter2" not in str(caught.value)


def test_how_long_to_wait_is_heard():
    with answering(503, b"", Retry_After="7") as (address, _), pytest.raises(AwayError) as caught:
        centre(address).send(BATCH)
    assert caught.value.retry_after == 7


def test_nobody_there_is_away():
    with pytest.raises(AwayError, match="does not answer"):
        centre("http://127.0.0.1:1").send(BATCH)


def test_a_certificate_of_ones_own_is_checked(tmp_path):
    own = make_certificate(tmp_path)
    with answering(*TAKEN, tls=own.server()) as (address, _):
        with pytest.raises(AwayError, match="CERTIFICATE_VERIFY_FAILED"):
            centre(address).send(BATCH)
        assert centre(address, ca_file=own.certificate).send(BATCH)
    with pytest.raises(ConfigError, match="ca_file"):
        centre("https://a", ca_file=tmp_path / "none.pem")


def test_jobs_and_baselines_in_a_form_that_is_not_known_mean_later():
    with answering(200, [{"subject": "s"}]) as (address, _):
        with pytest.raises(AwayError, match="upgrade this agent"):
            centre(address).jobs()
        with pytest.raises(AwayError, match="cannot be read"):
            centre(address).baseline("0f")
    with answering(422, {"detail": "no"}) as (address, _), pytest.raises(AwayError):
        centre(address).jobs()
