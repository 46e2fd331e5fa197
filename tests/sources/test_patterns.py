from hypothesis import given
from hypothesis import strategies as st

from mirante.sources.patterns import fits, fits_any


@given(st.text())
def test_every_name_fits_itself_and_a_star(name):
    assert fits(name, name)
    assert fits("*", name)
    assert not fits_any([], name)


def test_case_counts_and_signs_mean_what_they_do_in_a_shell():
    assert [fits("c?urn-*", name) for name in ("churn-1", "Churn-1", "churn", "c/urn-")] == [
        True, False, False, True,
    ]  # fmt: skip
