from datetime import UTC, datetime, timedelta

from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.upkeep import Upkeep


def test_what_is_not_there_needs_no_care(tmp_path):
    log = Upkeep(tmp_path / "not there")
    assert (log.stat(), log.verify(), log.carry_out(), log.deletions()) == ([], [], [], [])
    assert (
        log.retain("m", datetime(2026, 1, 1, tzinfo=UTC), older_than=timedelta(1), max_bytes=0).segments == 0
    )
    assert log.repair().sealed == 0
    assert not log.root.exists()


def test_some_models_alone(tmp_path):
    for model in ("a", "b"):
        with Recorder(model, tmp_path) as recorder:
            recorder.log({"x": 1}, 0, id="one")
    log = InferenceLog(tmp_path)
    assert [each.model for each in log.stat(["b"])] == ["b"]
    assert log.delete(["one"], by="me", models=["b"]).rows == 1
    assert [each.rows for each in log.stat()] == [1, 0]
    assert [line["models"] for line in log.deletions()] == [["b"]]
