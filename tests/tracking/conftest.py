"""What the tests of MLflow's client share."""

from __future__ import annotations

import pytest

from mirante.tracking import client


@pytest.fixture
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limits of requests: neither the user's nor those of a thread that another test left waiting."""
    monkeypatch.setattr(client, "_LIMITS", [])
    monkeypatch.setattr(client, "_SET", {})
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
