import errno
import os
from datetime import UTC, datetime

import pytest

import mirante.app.deletion as tested
from mirante.app.deletion import delete_from_logs, logs_of, privacy_of
from mirante.app.settings import default_settings, load_settings
from mirante.capture.recorder import Recorder
from mirante.errors import ConfigError, InputError
from mirante.inference_log.reader import InferenceLog
from mirante.store import Store

CONFIG = """\
store: sqlite:///mirante.db
models:
- {model: m, log: log, privacy: {hash: [customer], key_file: key}}
- {model: n, log: other}
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "mirante.yaml").write_text(CONFIG)
    (tmp_path / "key").write_text("correct horse battery")
    return load_settings(tmp_path / "mirante.yaml")


def record(settings, model, root, privacy=None):
    with Recorder(model, root, privacy=privacy) as recorder:
        for number in range(6):
            recorder.log({"customer": number % 3}, 0, id=f"{model}{number}")


def delete(settings, values, column="customer", given=None, **more):
    return delete_from_logs(
        settings,
        logs_of(settings, given),
        values,
        column=column,
        by="me",
        wait=0.0,
        **{"models": None, **more},
    )


def test_hashed_and_plain_values_and_their_labels_go_from_every_log(settings, tmp_path):
    record(settings, "m", tmp_path / "log", settings.models[0].privacy.build(tmp_path))
    record(settings, "n", tmp_path / "other")
    with Store(settings.store) as store:
        for model in ("m", "n"):
            store.labels.write(
                model, [f"{model}{n}" for n in range(6)], [0] * 6, datetime(2026, 1, 2, tzinfo=UTC)
            )
    done = delete(settings, ["1"])
    assert [each.rows for each in done.logs.values()] == [2, 2]
    assert [each.forgotten["labels"] for each in done.logs.values()] == [2, 2]
    assert done.finished
    assert done.store is not None
    with Store(settings.store) as store:
        assert (store.labels.count("m"), store.labels.count("n")) == (4, 4)
    assert (
        delete(settings, ["n0"], "__id", models=["n"], given=tmp_path / "other").logs[tmp_path / "other"].rows
        == 1
    )


def test_without_a_store_rows_go_all_the_same(tmp_path):
    settings = default_settings(environ={}, folder=tmp_path)
    with pytest.raises(InputError, match="no inference log at"):
        logs_of(settings, None)
    record(settings, "m", tmp_path / "inference-log")
    done = delete(settings, ["m1"], "__id")
    assert (done.store, [each.rows for each in done.logs.values()]) == (None, [1])
    assert not (tmp_path / "mirante.db").exists()


def test_a_key_that_is_not_there_is_said_before_anything_goes(settings, tmp_path):
    record(settings, "m", tmp_path / "log")
    (tmp_path / "key").unlink()
    with pytest.raises(ConfigError, match=r"privacy of model .m.:.*key_file"):
        delete(settings, ["1"])
    assert delete(settings, ["m1"], "__id").finished


def test_a_disk_that_is_full_is_said_and_the_same_deletion_goes_on(settings, tmp_path, monkeypatch):
    record(settings, "n", tmp_path / "other")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mirante.inference_log.deletion.rewrite", full)
    with pytest.raises(InputError, match=r"other cannot be written \(No space left on device\), so not all"):
        delete(settings, ["n1"], "__id", given=tmp_path / "other")
    monkeypatch.undo()
    delete(settings, ["n1"], "__id", given=tmp_path / "other")
    left = InferenceLog(tmp_path / "other").scan("n")["__id"].to_pylist()
    assert left == ["n0", "n2", "n3", "n4", "n5"]


def test_a_log_that_cannot_be_read_is_no_full_disk_and_no_traceback(settings, tmp_path, monkeypatch):
    record(settings, "n", tmp_path / "other")
    keyless = settings.model_copy(update={"models": ()})  # so that rows are looked at for hashes

    def broken(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    for name, left in (("batches", "nothing"), ("newest", "nothing"), ("delete", "not all rows")):
        with monkeypatch.context() as patch:
            patch.setattr(InferenceLog, name, broken)
            verb = "are" if name == "delete" else "is"
            said = rf"other cannot be read or written \(.*\), so {left} {verb} deleted; mend that, then run"
            with pytest.raises(InputError, match=said):
                delete(keyless, ["1"], given=tmp_path / "other", models=["n"])


def test_the_store_is_opened_with_its_password(settings, monkeypatch):
    asked = []
    monkeypatch.setattr(type(settings), "store_address", lambda _: asked.append("with password"))
    monkeypatch.setattr(Store, "existing", lambda address: asked.append(address))
    tested._store(settings)
    assert asked == ["with password", None]


def test_a_models_privacy_is_found_by_its_alias(settings):
    assert privacy_of(settings, "m", "champion").hash == {"customer"}
    assert privacy_of(settings, "n", "champion").columns == frozenset()
    assert privacy_of(settings, "m", "other") is None


def test_logs_come_with_their_archives(tmp_path):
    url = f"file://{tmp_path}/archive"
    (tmp_path / "mirante.yaml").write_text(
        f"models: [{{model: m, archive: '{url}'}}, {{model: n, log: other}}]"
    )
    settings = load_settings(tmp_path / "mirante.yaml")
    [log] = logs_of(settings, None)
    assert (log.root, log.archive.name) == (tmp_path / "inference-log", url)
    [log] = logs_of(settings, tmp_path / "inference-log")
    assert log.archive.name == url
    [log] = logs_of(settings, tmp_path / "elsewhere", f"{url}/b")
    assert log.archive.name == f"{url}/b"
    with pytest.raises(InputError, match="2 logs are meant and one archive"):
        logs_of(settings, None, url)
