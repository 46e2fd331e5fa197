"""The store of the web tests, with hostile names in it, and a service that serves it with a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mirante.client import Monitoring, connect
from mirante.store import Store
from mirante.web.config import WebConfig
from tests.web.conftest import TOKEN, full_url
from tests.web.test_browser import serving

__all__ = ["full_url"]


@pytest.fixture(scope="session")
def address(full_url: str) -> Iterator[str]:
    with Store(full_url) as store, serving(store, WebConfig(token=TOKEN)) as found:
        yield found


@pytest.fixture
def local(full_url: str) -> Iterator[Monitoring]:
    with connect(full_url) as found:
        yield found


@pytest.fixture
def remote(address: str) -> Iterator[Monitoring]:
    with connect(address, token=TOKEN) as found:
        yield found
