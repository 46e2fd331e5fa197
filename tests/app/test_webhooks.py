"""The whole way of a webhook: a real MLflow sends it, a real service takes it and looks at the registry."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from mirante.store import Store
from mirante.tracking.client import connect
from mirante.tracking.webhooks import EVENTS
from mirante.web.security import WEBHOOK
from tests.app.test_service import service, until
from tests.monitors.registry import register

pytestmark = pytest.mark.server
SECRET = "correct horse battery staple"
CONFIG = """\
host: {{enabled: false}}
web: {{port: 0, token: {token}}}
mlflow: {{tracking_uri: "{uri}"}}
registry: {{include: ["{model}*"], interval: 1h, webhook_secret: "env:WEBHOOK_SECRET"}}
"""
TOKEN = "a long token for the page"


def test_a_moved_alias_is_in_the_store_within_seconds(mlflow_server: str, tmp_path: Path) -> None:
    client, model = connect(mlflow_server), f"hook-{uuid.uuid4().hex[:8]}"
    register(client, model)
    config = CONFIG.format(token=TOKEN, uri=mlflow_server, model=model)
    with (
        service(tmp_path, config, WEBHOOK_SECRET=SECRET) as (address, _process, lines),
        Store(f"sqlite:///{tmp_path}/mirante.db") as store,
    ):

        def known(name: str) -> list[float]:
            return [one.value for one in store.readings.latest() if one.name == name]

        until(lambda: known("mlflow_model_versions") == [1.0], 90)
        where = address.rstrip("/") + WEBHOOK
        good = client.create_webhook("mirante", where, list(EVENTS), secret=SECRET)
        wrong = client.create_webhook("wrong", where, ["registered_model.created"], secret="x" * 20)
        try:
            refused = client.test_webhook(wrong.webhook_id)
            assert (refused.success, refused.response_status) == (False, 401)
            taken = client.test_webhook(good.webhook_id)
            assert (taken.success, taken.response_status) == (True, 202)
            register(client, model, alias=None)
            until(lambda: known("mlflow_model_versions") == [2.0], 90)
            client.set_registered_model_alias(model, "champion", "2")
            began = time.monotonic()
            until(lambda: [one for one in store.events.list() if one.kind == "alias_moved"], 90)
            print(f"the moved alias was in the store after {time.monotonic() - began:.1f} s")
            assert known("alias_version") == [2.0]
        finally:
            for one in (good, wrong):
                client.delete_webhook(one.webhook_id)
        assert SECRET not in "".join(lines)
