"""What the tests of this room share: a store, a Slack double, a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirante.store import Store
from tests.doubles.slack import SlackDouble, slack_double
from tests.doubles.tls import Certificate, make_certificate


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


@pytest.fixture
def slack() -> Iterator[SlackDouble]:
    with slack_double() as double:
        yield double


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))
