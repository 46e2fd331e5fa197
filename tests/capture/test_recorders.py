import pytest

from mirante.capture.recorder import Recorder
from mirante.capture.recorders import Recorders
from mirante.errors import NotFoundError
from mirante.inference_log.reader import InferenceLog


def test_each_model_goes_to_its_own_log_and_a_version_to_its_own_folder(tmp_path):
    recorders = Recorders(lambda model: Recorder(model, tmp_path / {"a": "one", "b": "two"}[model]))
    recorders.record("a", "1", [{"x": 1}], [0.1])
    recorders.record("a", "2", [{"x": 2}, {"x": 3}], [0.2, 0.3], ids=["i", "j"], latencies=[0.5, None])
    recorders.record("b", "1", [{"y": "t"}], ["yes"], times=["2026-01-01T00:00:00Z"])
    recorders.close()
    assert InferenceLog(tmp_path / "one").models() == [("a", "1"), ("a", "2")]
    found = InferenceLog(tmp_path / "one").scan("a").to_pylist()
    assert [(row["x"], row["__latency"]) for row in found] == [(1, None), (2, 0.5), (3, None)]
    assert [row["__id"] for row in found[1:]] == ["i", "j"]
    (row,) = InferenceLog(tmp_path / "two").scan("b").to_pylist()
    assert (row["y"], row["__prediction"], row["__time"].year) == ("t", "yes", 2026)


def test_a_model_that_the_config_does_not_name_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match="names no model 'x'"):
        Recorders(lambda _: None).record("x", "1", [{"a": 1}], [1])


def test_of_many_models_a_few_are_open_and_all_are_recorded(tmp_path):
    recorders = Recorders(lambda model: Recorder(model, tmp_path))
    for turn in range(2):
        for number in range(70):
            recorders.record(f"m{number}", "1", [{"turn": turn}], [number])
    recorders.close()
    log = InferenceLog(tmp_path)
    assert len(log.models()) == 70
    assert [row["turn"] for row in log.scan("m0").to_pylist()] == [0, 1]
