"""What judging a data frame gave, and how long it is there."""

import pandas as pd
import pytest

import mirante
from mirante.errors import StoreError
from mirante.store import Store

ROWS = pd.DataFrame({"at": pd.date_range("2026-01-01", periods=96, freq="1h"), "<b>x</b>": range(96)})


def judge(**more):
    baseline = ROWS.assign(at=ROWS["at"] - pd.Timedelta(days=30))
    return mirante.monitor(ROWS, "</script>", time="at", baseline=baseline, **more)


def test_it_says_what_it_is_and_escapes_names():
    result = judge()
    assert repr(result) == "<table/</script>: 96 rows read, 4 windows judged, 4 with drift>"
    shown = result._repr_html_()
    assert "2026-01-04 00:00" in shown
    assert "</script>" not in shown
    assert "<b>" not in shown
    assert set(result.readings()["table"]) == {"</script>"}
    assert len(result.profile_metrics()) == 2 * len(result.to_pandas())


def test_the_store_goes_with_the_result(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = judge()
    assert list(tmp_path.glob("mirante-*/mirante.db"))
    del result
    assert not list(tmp_path.iterdir())
    closed = judge()
    closed.close()
    closed.close()
    assert not list(tmp_path.iterdir())


def test_a_store_that_was_given_stays_open_and_a_file_is_made(tmp_path):
    with Store(f"sqlite:///{tmp_path}/a.db") as store:
        judge(store=store).close()
        assert store.windows.list("table/</script>")
    judge(store=tmp_path / "b.db").close()
    assert (tmp_path / "b.db").is_file()
    with pytest.raises(StoreError):
        judge(store="sqlite:////not/there/c.db")
