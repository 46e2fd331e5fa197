"""One of two services on one store: the whole service, its page included, in a process that was forked."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from mirante.app.build import build
from mirante.app.lease import LASTING, Lease
from mirante.app.processes import process_mark
from mirante.app.service import Service
from mirante.app.settings import load_settings

CONFIG = """
store: "{store}"
host: {{enabled: false}}
mlflow: {{enabled: false}}
web: {{port: 0}}
evaluation_interval: 200ms
alerts:
  default_rules: false
  rules: [{{name: trouble, when: trouble > 0, summary: "{{{{ $labels.item }}}}"}}]
  routes: {{group_by: [item], group_wait: 0s}}
  channels: {{hook: {{type: webhook, url: "{hook}"}}}}
"""


def serve(config: Path, lasting: float | None, apart: bool, told: Connection) -> None:
    """Run a service until it is killed.

    `lasting` is how many seconds its lease holds, if not as shipped; `apart` has it be on its own machine:
    nobody sees its process end.
    """
    settings = load_settings(config, environ={})
    with build(settings) as parts:
        service = Service(settings, parts)
        seconds = LASTING.total_seconds() if lasting is None else lasting
        mark = str if apart else process_mark
        service.lease = Lease(parts.store, lasting=timedelta(seconds=seconds), every=seconds / 3, mark=mark)
        asyncio.run(service.run(ready=told.send))
