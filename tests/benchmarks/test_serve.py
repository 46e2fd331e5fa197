"""The comparison of servers: ratios are of one round each, and a bar is a bar."""

import pytest
from benchmarks.serve import BARS, PARTS, _verdict, show


def test_a_ratio_is_the_median_of_those_of_the_rounds(capsys):
    slow, quick = (
        [{"p50": p50, "p99": 9.0, "rate": 1.0} for p50 in times] for times in ((2, 10, 4), (1, 4, 4))
    )
    assert show({"mlflow": slow, "bare": slow, "mirante": quick}, "mlflow") == {"bare": 1.0, "mirante": 0.5}
    assert "mirante / mlflow" in capsys.readouterr().out


@pytest.mark.parametrize(("ratio", "met"), [(1.05, True), (1.051, False)])
def test_bars(ratio, met, capsys):
    assert _verdict("a part", ratio, 1.05) is met
    assert (
        capsys.readouterr().out == f"a part: p50 ratio {ratio:.3f}, bar 1.05: {'met' if met else 'MISSED'}\n"
    )


def test_each_part_has_a_bar():
    assert set(PARTS.values()) == set(BARS)
