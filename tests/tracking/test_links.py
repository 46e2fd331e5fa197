"""Addresses in MLflow's pages, for names of any kind."""

import pytest

from mirante.tracking.links import run_link, version_link


@pytest.mark.parametrize("name", ['"><script>', "a/../b?c#d", "مراقبة", "\ud800", " "])
def test_a_hostile_name_stays_one_part_of_the_path(name: str):
    for link in (version_link("http://m/x/", name, name), run_link("http://m/x/", name, name)):
        assert link.startswith("http://m/x/#/")
        assert link.count("/") == 8
        assert not set('"<>? ') & set(link)
        assert link.count("#") == 1
        link.encode()
