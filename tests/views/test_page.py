from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirante.errors import InputError
from mirante.views.figures import drift_figure
from mirante.views.page import chart_of, filled_rows, render, write_page

NOW = datetime(2013, 2, 8, 12, tzinfo=UTC)


def page(title: str = "T", charts: int = 1) -> str:
    made = [chart_of(drift_figure([1.0, 2.0], [2.0, 3.0], "x"), n + 1, "x") for n in range(charts)]
    return render("charts.html", title=title, charts=made, locale="en", now=NOW)


@pytest.mark.parametrize("charts", [1, 5])
def test_plotly_is_in_the_file_once(charts):
    assert page(charts=charts).count("* plotly.js v") == 1


def test_a_page_without_charts_carries_no_script():
    text = page(charts=0)
    assert "<script" not in text
    assert "script-src 'none'" in html.unescape(text)
    assert "no charts yet" in text
    assert len(text) < 30_000


def test_nothing_is_fetched_from_elsewhere():
    text = re.sub(r"<script>.*?</script>", "", page(), flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "default-src 'none'" in html.unescape(text)


def test_scripts_are_allowed_by_their_hash_alone():
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page()).group(1)
    scripts = re.search(r"script-src ([^;]*)", html.unescape(policy)).group(1)
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/=]{44}'", scripts)) == 2
    assert "unsafe" not in scripts


def test_a_hostile_title_is_text():
    text = page(title="</title><script>alert(1)</script>")
    assert "<script>alert(1)" not in text
    assert "&lt;/title&gt;&lt;script&gt;alert(1)" in text


def test_the_time_of_writing_is_an_argument():
    assert "February 8, 2013" in page()


def test_a_page_says_its_language():
    text = render("charts.html", title="T", charts=[], locale="pt_BR", now=NOW)
    assert '<html lang="pt-BR">' in text


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    target = tmp_path / "new folder" / "page.html"
    assert write_page("first", target) == target
    write_page("second \ud800", target)
    assert target.read_text(encoding="utf-8") == "second ?"
    assert [one.name for one in target.parent.iterdir()] == ["page.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"page\.html cannot be written"):
        write_page("x", tmp_path / "file" / "page.html")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError, match="give another path"):
        write_page("x", folder)
    assert list(folder.parent.glob(".folder.*")) == []


def test_no_chart_stands_alone_in_its_row():
    def wide(*given: bool) -> list[bool]:
        made = [chart_of(drift_figure([1.0], [2.0], "x"), n, "x", wide=one) for n, one in enumerate(given)]
        return [one.wide for one in filled_rows(made)]

    assert wide(False, False) == [False, False]
    assert wide(False) == [True]
    assert wide(True, False, False, False) == [True, False, False, True]
    assert wide(False, True, False, False) == [True, True, False, False]
