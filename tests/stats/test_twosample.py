"""The two-sample tests as one package: names that stay, forms that cannot be mistaken, a light import."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from mirante.stats import distances, twosample
from mirante.stats.twosample import TESTS

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


def test_every_name_is_there():
    assert [name for name in twosample.__all__ if not hasattr(twosample, name)] == []
    assert len(set(twosample.__all__)) == len(twosample.__all__)


def test_the_name_of_a_form_says_what_it_takes():
    for name, forms in TESTS.items():
        plain, other = (forms.values, forms.counts) if forms.ordered else (forms.counts, forms.values)
        assert plain.__name__ == name
        assert other.__name__ == name + ("_counts" if forms.ordered else "_values")


def test_every_test_is_in_the_table_and_so_in_the_kit():
    tests = {
        name
        for name in twosample.__all__
        if inspect.isfunction(getattr(twosample, name))
        and inspect.signature(getattr(twosample, name)).return_annotation == "TwoSample"
    }
    listed = {form.__name__ for forms in TESTS.values() for form in (forms.values, forms.counts)}
    assert tests - listed == {"mann_whitney_corrected"}, "a variant for counts; it has its own tests"
    assert listed - tests == set()


@pytest.mark.parametrize("module", ["mirante.stats.twosample", "mirante.stats.distances"])
def test_importing_does_not_load_the_heavy_part_of_scipy(module):
    program = (
        f"import sys, {module}; print([name for name in ('scipy.stats', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_on_statistics_names_them_all():
    page = PAGE.read_text(encoding="utf-8")
    names = set(TESTS) | set(distances.DISTANCES) | {"wasserstein"}
    assert {name for name in names if f"`{name}`" not in page} == set()
