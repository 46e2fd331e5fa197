"""The HTML: small, self-contained, readable in light and dark, wide and narrow; no name runs."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mirante.errors import InputError
from mirante.i18n import translator
from mirante.monitors.check import check
from mirante.monitors.check.page import draw, fragment, page
from mirante.monitors.check.result import Sketch
from mirante.monitors.check.sketch import sketch_of
from mirante.profiles import TableProfile
from tests.views.browser import opened

HOSTILE = '"><img src=x onerror=alert(1)>'
LEVEL = "</script></style><script>alert(2)</script>"


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(1)
    base = pd.DataFrame(
        {
            HOSTILE: rng.normal(size=2000),
            "{{ 7 * 7 }}": rng.choice([LEVEL, "b"], 2000),
            "a_very_long_name_of_a_column_that_nobody_should_ever_write": rng.normal(size=2000),
            "gone": 1.0,
        }
    )
    now = base[:700].drop(columns="gone").assign(**{LEVEL: 1})
    now[HOSTILE] += 1
    now["{{ 7 * 7 }}"] = LEVEL
    return check(base, now)


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("write", [page, fragment])
def test_names_are_text_and_nothing_runs_or_is_fetched(write, result):
    html = write(result)
    elements = Elements(html)
    assert {tag for tag, _ in elements.found} & {"script", "img", "iframe", "object"} == set()
    assert not any(name.startswith("on") for _, attributes in elements.found for name in attributes)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", html)
    assert HOSTILE in elements.text
    assert "{{ 7 * 7 }}" in elements.text
    assert LEVEL in elements.text
    assert len(html) < 30_000


def test_the_page_forbids_itself_scripts_and_the_network(result):
    attributes = [one for tag, one in Elements(page(result)).found if tag == "meta"]
    policy = next(one["content"] for one in attributes if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy


def test_a_notebook_gets_the_table_alone(result):
    html = result._repr_html_()
    assert html.startswith('<div class="mirante-check">')
    rules = re.search(r"<style>(.*?)</style>", html, re.S)[1]
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*\{", "", rules))
    assert all(one.strip().startswith(".mirante-check") for one in selectors), "styles stay in their table"


def test_it_is_written_as_a_whole(result, tmp_path):
    target = tmp_path / "new folder" / "drift.html"
    assert result.to_html(target, locale="pt_BR") == target
    text = target.read_text(encoding="utf-8")
    assert '<html lang="pt-BR">' in text
    assert "a coluna sumiu" in text
    assert [one.name for one in target.parent.iterdir()] == ["drift.html"]
    with pytest.raises(InputError, match="is a folder; give the path of a file"):
        result.to_html(tmp_path)
    with pytest.raises(InputError, match="is a folder"):
        result.to_html(".")
    with pytest.raises(InputError, match=r"drift\.html/x\.html cannot be written: "):
        result.to_html(target / "x.html")


def test_surrogates_in_names_do_not_stop_it(tmp_path):
    odd = check({"a\ud800": [1.0, 2.0]}, {"a\ud800": [1.0, 2.0]})
    assert "a\\ud800" in odd.to_html(tmp_path / "x.html").read_text(encoding="utf-8")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser(result, tmp_path, width, dark):
    with opened(result.to_html(tmp_path / "drift.html"), width=width, dark=dark) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.evaluate("document.querySelectorAll('img, script').length") == 0
        assert shown.locator("tbody tr").count() == 4
        assert shown.locator("tbody svg").count() == 3
        ink, paper = (
            shown.evaluate(f"getComputedStyle(document.querySelector({where!r})).{what}")
            for where, what in (("td.name", "color"), ("main", "backgroundColor"))
        )
        shades = [sum(map(int, re.findall(r"\d+", one)[:3])) for one in (ink, paper)]
        assert (shades[0] > shades[1]) == dark
        assert abs(shades[0] - shades[1]) > 400


# ---- the small drawings


def sketch(before, after):
    base = TableProfile.of({"x": before})
    return sketch_of(base.columns["x"], TableProfile.of({"x": after}, like=base).columns["x"])


def test_a_sketch_of_numbers_covers_both_sides_but_no_outlier():
    rng = np.random.default_rng(0)
    found = sketch(np.append(rng.normal(size=5000), 1e9), rng.normal(6, 1, size=5000))
    assert (len(found.reference), len(found.current)) == (24, 24)
    assert -4 < found.low < -2
    assert 8 < found.high < 11
    assert sum(found.reference) == pytest.approx(0.99, abs=0.011)
    assert np.argmax(found.reference) < np.argmax(found.current)


def test_a_sketch_of_levels_has_the_most_frequent_of_either_side():
    before = ["a"] * 50 + ["b"] * 30 + [f"z{number}" for number in range(20)]
    found = sketch(before, ["z7"] * 60 + ["b"] * 40)
    assert found.bars[:2] == ("a", "b")
    assert "z7" in found.bars
    assert found.current[found.bars.index("z7")] == 0.6
    assert len(found.bars) == 9
    assert found.bars[-1] == "…"
    assert sum(found.reference) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("before", "after"), [([], [1.0]), ([1.0], []), ([np.inf] * 3, [np.inf]), ([None, None], [None])]
)
def test_nothing_is_drawn_of_nothing(before, after):
    assert draw(sketch(before, after), translator()) is None


def test_a_drawing_stays_in_its_frame():
    drawing = draw(sketch([5.0] * 9, [5.0] * 9), translator())
    drawn = draw(Sketch(("a", "<b>"), (0.25, 0.75), (1.0, 0.0)), translator())
    for path in (drawing.reference, drawing.current, drawn.reference, drawn.current):
        numbers = [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", path)]
        assert min(numbers) >= 0
        assert max(numbers) <= 132
    assert drawn.title == "a: 25 % -> 100 %; <b>: 75 % -> 0 %"
    assert drawing.title == "from 4.5 to 5.5"
