"""What the page about Spark tells people to type works, on a real Spark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.docs.snippets import ROOT, blocks

PAGE = ROOT / "docs" / "spark.md"


def test_python_of_the_page_runs(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PYSPARK_PYTHON", os.environ.get("PYSPARK_PYTHON", ""))  # the page sets it
    monkeypatch.chdir(tmp_path)
    *code, last = blocks(PAGE, "python")
    assert last == "spark.stop()\n", "the session is that of all tests, and is ended by them"
    there: dict[str, Any] = {}
    for number, block in enumerate(code):
        exec(compile(block, f"docs/spark.md, block {number}", "exec"), there)
    said = capsys.readouterr().out
    assert " days, " in said
    assert "age" in said
    assert there["today"].layout.same(there["baseline"].layout)
