"""One worker of `mirante serve` without its process: what it makes of requests, and of what it was told."""

import json
import tempfile
import warnings
from pathlib import Path

import pytest
from mlflow.types import ColSpec, Schema

from mirante.capture.intake import Exchange
from mirante.capture.serve.launcher import ServeSettings
from mirante.capture.serve.worker import Orders, guarded_app, leave_drops_to_intake
from mirante.errors import MiranteWarning
from mirante.inference_log.reader import InferenceLog

SSN = "078-05-1120"


def recorded(body, kind="application/json", **privacy):
    """Return the rows that are recorded of a request, and why it is not."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with tempfile.TemporaryDirectory() as folder:
        _, intake, recorder = guarded_app(None, None, Orders("m", "1", folder, privacy=privacy))
        intake.put(Exchange("r", 1e9, 0.01, 200, kind, [data], [b'{"predictions": [1.0]}']))
        intake.close()
        recorder.close()
        table = InferenceLog(folder).scan("m")
        rows = [] if table is None else table.to_pylist()
        files = b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())
    assert SSN.encode() not in files
    kept = [{name: value for name, value in row.items() if not name.startswith("__")} for row in rows]
    return kept, recorder.dropped, recorder.reason


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            {"dataframe_split": {"columns": ["ssn", "ssn", "age"], "data": [[SSN, SSN, 3]]}},
            "application/json",
        ),
        (f"ssn,ssn,age\n{SSN},{SSN},3\n".encode(), "text/csv"),
        (f'ssn,"ssn",age\n{SSN},{SSN},3\n'.encode(), "text/csv"),
    ],
)
@pytest.mark.parametrize("way", [{"drop": ["ssn"]}, {"hash": ["ssn"], "key": "correct horse battery"}])
def test_a_private_column_that_is_there_twice_is_not_recorded_under_another_name(body, kind, way):
    rows, dropped, reason = recorded(body, kind, **way)
    assert (rows, dropped) == ([], 1)
    assert "each name once" in reason


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
@pytest.mark.parametrize("form", ["inputs", "instances"])
@pytest.mark.parametrize("way", [{"drop": ["ssn"]}, {"hash": ["ssn"], "key": "correct horse battery"}])
def test_values_without_names_are_not_recorded_where_some_are_private(form, way):
    rows, dropped, reason = recorded({form: [[SSN, 3]]}, **way)
    assert (rows, dropped) == ([], 1)
    assert reason == "which of its columns are to be dropped or hashed cannot be told"


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
def test_a_column_dropped_by_position_is_not_recorded_under_the_name_that_a_client_gives_it():
    rows, dropped, reason = recorded({"inputs": [{"ssn": SSN, "age": 3}]}, drop=["0"])
    assert (rows, dropped) == ([], 1)
    assert reason == "which of its columns are to be dropped or hashed cannot be told"


def test_positions_are_names_of_values_without_any():
    assert recorded({"inputs": [[SSN, 3]]}, drop=["0"]) == ([{"1": 3}], 0, "")
    assert recorded({"inputs": [[4, 3]]}, sample=1.0) == ([{"0": 4, "1": 3}], 0, "")


def test_private_columns_that_the_signature_does_not_have_are_told_at_the_start(tmp_path):
    schema = Schema([ColSpec("string", "ssn"), ColSpec("double", "age")])
    orders = Orders("m", "1", str(tmp_path), privacy={"drop": ["snn", "age"]})
    with pytest.warns(MiranteWarning, match=r"has no column 'snn'.*it has 'age', 'ssn'") as told:
        _, intake, recorder = guarded_app(None, schema, orders)
    assert len(told) == 1
    intake.close()
    recorder.close()


def test_a_worker_tells_what_the_intake_does_not():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        leave_drops_to_intake()
        assert recorded({"inputs": {"age": [1]}}, drop=["snn"])[1] == 0
        assert recorded({"inputs": {"age": [1, 2], "ssn": [1]}})[1] == 1
    (one,) = shown
    assert "no row of model 'm' has had the column 'snn' yet" in str(one.message)


def test_a_key_reaches_the_worker_and_nobody_else():
    orders = Orders("m", "1", "log", privacy={"hash": ["ssn"], "key": "correct horse battery"})
    assert "horse" not in repr(orders)
    assert "horse" not in repr(ServeSettings("models:/m/1", Path("log"), privacy=orders.privacy))
    environ = {"PATH": "/bin", **orders.environ()}
    assert Orders.of(environ) == orders
    assert environ == {"PATH": "/bin"}, "what the model starts does not inherit it"
