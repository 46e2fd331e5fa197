"""A real ``mlflow server`` with one of our applications in it."""

from __future__ import annotations

import base64
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from mirante.tracking.server import ServerProcess, free_port

USER, PASSWORD = "ana", "a long password of ana"


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class AppServer:
    """Starts the server in a folder and asks it; leaving the context stops it."""

    def __init__(self, folder: Path, app: str, *options: str, prefix: str = "", **environ: str) -> None:
        self.prefix, port = prefix, free_port()
        command = [
            *(sys.executable, "-P", "-m", "mlflow", "server", "--app-name", app),
            *("--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./artifacts"),
            *("--host", "127.0.0.1", "--port", str(port), *options),
            *(("--static-prefix", prefix) if prefix else ()),
        ]
        with (folder / "mlflow-server.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "MLFLOW_TRACKING_URI": "", **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.server = ServerProcess(f"http://127.0.0.1:{port}", port, folder, process)

    def __enter__(self) -> AppServer:
        deadline = time.monotonic() + 120
        while self.server.running and time.monotonic() < deadline:
            try:
                if self.get("/health").status == 200:
                    return self
            except OSError:
                time.sleep(0.1)
        self.server.kill()
        raise AssertionError(self.server.log_path.read_text()[-4_000:])

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, self.prefix + path, body, named)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Reply:
        kind = {"content_type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields), **kind, **headers)


def basic_auth(folder: Path) -> dict[str, str]:
    """Write the config of MLflow's login, and return the environment that it needs."""
    config = folder / "basic_auth.ini"
    config.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder}/auth.db\n"
        f"admin_username = {USER}\n"
        f"admin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    return {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the tests"}


def login(user: str = USER, password: str = PASSWORD) -> str:
    """Return the Authorization header of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
