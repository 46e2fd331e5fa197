"""Programs from outside Python that some tests need, and how the tests share out the processors.

A pytest plugin (``-p tests.tools``), and a function for tests: ``promtool = require_tool("promtool")``.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

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
}


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
    message = f"{name} is not installed; apt-get install {TOOLS[name][0]}"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and all that need MLflow's server, or Spark, which start slowly."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            served = item.get_closest_marker("server") or "mlflow_process" in getattr(
                item, "fixturenames", ()
            )
            sparked = "spark" in getattr(item, "fixturenames", ())
            group = "server" if served else "spark" if sparked else item.nodeid.partition("::")[0]
            item.add_marker(pytest.mark.xdist_group(group))
