import itertools

import pytest

from mirante.inference_log.archive.objects import ObjectStore
from tests.inference_log.archive.s3 import Line, Moto

_numbers = itertools.count()


@pytest.fixture(scope="session")
def moto():
    server = Moto()
    yield server
    server.stop()


@pytest.fixture
def bucket(moto):
    return moto.bucket(f"bucket-{next(_numbers)}")


@pytest.fixture
def line(moto):
    line = Line(moto.port)
    yield line
    line.cut()


@pytest.fixture(params=["file", "s3"])
def url(request, tmp_path_factory):
    """The URL of a place that is empty still: a folder, and a bucket on a server."""
    if request.param == "file":
        return f"file://{tmp_path_factory.mktemp('archive')}/log"
    moto = request.getfixturevalue("moto")
    return moto.url(f"{request.getfixturevalue('bucket')}/some%20where/log")


@pytest.fixture
def objects(url):
    return ObjectStore(url, patience=0.0)
