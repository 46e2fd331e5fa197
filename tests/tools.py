"""Programs from outside Python that some tests need, and how the tests share out the processors.

A pytest plugin (``-p tests.tools``), and a function for tests: ``promtool = require_tool("promtool")``.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

# program: how Debian names the package, and the other names that the program goes by
TOOLS = {
    "alertmanager": ("prometheus-alertmanager", ("prometheus-alertmanager",)),
    "amtool": ("prometheus-alertmanager", ()),
    "java": ("default-jre-headless", ()),
    "chromium": ("chromium", ("chromium-browser", "google-chrome")),
    "initdb": ("postgresql", ()),
    "postgres": ("postgresql", ()),
    "promtool": ("prometheus", ()),
    "prometheus": ("prometheus", ()),
    "strace": ("strace", ()),
    "psql": ("postgresql", ()),
    "systemd-analyze": ("systemd", ()),
}


# files and folders of few tests that take long
LONG = (
    "tests/faults/",
    "tests/demo/test_run.py",
    "tests/app/test_privacy_everywhere.py",
    "tests/app/test_service.py",
    "tests/app/backfill/",
    "tests/benchmarks/",
    "tests/capture/test_serve.py",
    "tests/docs/",
    "tests/inference_log/",
    "tests/web/test_browser.py",
)


def find_tool(name: str) -> str | None:
    """Return the path of a program, from the virtual environment or the PATH, or None."""
    # .ci/tools may have put it beside python; Debian keeps PostgreSQL's servers out of the PATH, newest last
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    places = [Path(sys.executable).parent, os.environ.get("PATH", os.defpath), *reversed(debian)]
    path = os.pathsep.join(map(str, places))
    _package, others = TOOLS[name]
    return next((found for known in (name, *others) if (found := shutil.which(known, path=path))), None)


def require_tool(name: str) -> str:
    """Return the path of a program; without it the test is skipped, or fails where CI is set to true."""
    found = find_tool(name)
    if found is not None:
        return found
    return _missing(name, TOOLS[name][0])


def _missing(name: str, package: str) -> NoReturn:
    message = f"{name} is not installed; apt-get install {package}"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def require_library(name: str) -> str:
    """Return the path of a library that is loaded before others; as `require_tool`."""
    found = next((str(one) for one in Path("/usr/lib").glob(f"*/faketime/{name}")), None)
    return found or _missing(name, "libfaketime")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and all that need Spark, whose machine takes a gigabyte.

    Where several processes share the work, what takes long begins first, so that they end at the same time.
    MLflow's server is one for each process: one for all would keep all that need it in a single one.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            sparked = "spark" in _fixtures(item)
            item.add_marker(pytest.mark.xdist_group("spark" if sparked else item.nodeid.partition("::")[0]))
    if config.getoption("dist", "no") != "no":
        groups = [_group(item) for item in items]
        sizes, places = Counter(groups), dict.fromkeys(groups, 2)
        for item in items:
            places[_group(item)] = min(places[_group(item)], _place(item))
        items.sort(key=lambda item: (places[_group(item)], -sizes[_group(item)], _group(item)))


def _group(item: pytest.Item) -> str:
    marker = item.get_closest_marker("xdist_group")
    assert marker is not None  # each has one by now
    return str(marker.args[0])


def _place(item: pytest.Item) -> int:
    """Return how early a test begins: first what is long in a single file, then what starts servers."""
    if item.nodeid.startswith(LONG) or _group(item) == "spark":
        return 0
    return 1 if item.get_closest_marker("server") or "mlflow_process" in _fixtures(item) else 2


def _fixtures(item: pytest.Item) -> Sequence[str]:
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names
