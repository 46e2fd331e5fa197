import pandas as pd
import pytest

from mirante.app.baseline.columns import named, roles_of
from mirante.errors import InputError
from mirante.sources.tables import open_table
from mirante.tracking.signatures import ModelColumn, ModelColumns
from tests.app.trained import rows

MODEL = ModelColumns((ModelColumn("age", "double"), ModelColumn("plan", "string")), ("risk",))
NOBODY = {"prediction": None, "time": None, "label": None}


def table(tmp_path, frame=None, ending="parquet"):
    path = tmp_path / f"rows.{ending}"
    frame = rows(20) if frame is None else frame
    frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    return open_table(path)


def test_without_a_signature_all_other_columns_are_features(tmp_path):
    asked = {"prediction": "said", "time": "at", "label": "late"}
    found = roles_of(table(tmp_path), asked)
    assert found.features == ("age", "plan", "customer")
    assert (found.prediction, found.time, found.label, found.notes) == (("said",), "at", "late", ())
    assert found.columns == ("age", "plan", "customer", "said", "at", "late")


def test_what_the_model_is_not_given_is_left_out_and_named(tmp_path):
    found = roles_of(table(tmp_path), NOBODY | {"prediction": "said"}, model=MODEL)
    assert found.features == ("age", "plan")
    left = "left out, since the model is not given them: customer, late, at (--keep-extra keeps them)"
    assert found.notes == (left,)
    kept = roles_of(table(tmp_path), NOBODY | {"prediction": "said"}, model=MODEL, keep_extra=True)
    assert kept.features == ("age", "plan", "customer", "late", "at")
    assert kept.notes == ()


def test_a_column_that_the_model_needs_is_an_error(tmp_path):
    lacking = table(tmp_path, rows(20).drop(columns="plan"))
    with pytest.raises(InputError, match=r"lacks 'plan', which the model's signature requires; it has 'age'"):
        roles_of(lacking, NOBODY | {"prediction": "said"}, model=MODEL)
    optional = ModelColumns((ModelColumn("age", "double"), ModelColumn("plan", "string", required=False)))
    found = roles_of(lacking, NOBODY | {"prediction": "said"}, model=optional)
    assert found.features == ("age",)
    assert found.notes[0] == "not in the data, and the model does not require them: plan"


def test_other_types_are_told(tmp_path):
    frame = rows(20).assign(age="old", plan=7)
    found = roles_of(table(tmp_path, frame), NOBODY | {"prediction": "said"}, model=MODEL)
    told = "of another type than the model is given: "
    told += "age (text, the signature says double), plan (number, the signature says string)"
    assert found.notes[0] == told
    csv = roles_of(
        table(tmp_path, rows(20).assign(plan=7), "csv"), NOBODY | {"prediction": "said"}, model=MODEL
    )
    assert csv.texts == ("plan",)  # it is read as text then
    assert not any("another type" in note for note in csv.notes)


def test_the_data_sets_tags_fill_in_what_nobody_named(tmp_path):
    tags = {"mirante.prediction": "said", "mirante.label": "late", "mirante.time": "gone", "other": "x"}
    found = roles_of(table(tmp_path), NOBODY, model=MODEL, tags=tags)
    assert (found.prediction, found.label, found.time) == (("said",), "late", None)
    assert found.notes[0] == "prediction: the column said, as the data set's tag mirante.prediction says"
    named_one = roles_of(table(tmp_path), NOBODY | {"label": "at", "prediction": "late"}, tags=tags)
    assert (named_one.prediction, named_one.label) == (("late",), "at")


def test_the_models_one_named_output_is_the_prediction(tmp_path):
    found = roles_of(table(tmp_path, rows(20).rename(columns={"said": "risk"})), NOBODY, model=MODEL)
    assert found.prediction == ("risk",)
    assert found.notes[0] == "prediction: the column risk, which is what the model's signature answers"


def test_without_a_prediction_it_is_asked_for(tmp_path):
    said = (
        r"nothing says which column .*'customer', 'said', 'late', 'at'\. Name it with --prediction COLUMN, "
    )
    with pytest.raises(InputError, match=said + "or let the model answer with --predict"):
        roles_of(table(tmp_path), NOBODY, model=MODEL)
    only_inputs = table(tmp_path, rows(20)[["age", "plan"]])
    with pytest.raises(InputError, match=r"holds what the model said\. Name it"):
        roles_of(only_inputs, NOBODY, model=MODEL)


def test_what_the_model_is_asked_with(tmp_path):
    tags = {"mirante.prediction": "said"}
    found = roles_of(table(tmp_path), NOBODY | {"time": "at"}, model=MODEL, tags=tags, predict=True)
    assert (found.given, found.prediction, found.features) == (("age", "plan"), (), ("age", "plan"))
    bare = roles_of(table(tmp_path), NOBODY | {"label": "late"}, predict=True)
    assert bare.given == bare.features == ("age", "plan", "customer", "said", "at")


def test_lists_are_left_out(tmp_path):
    frame = rows(20).assign(words=[["a", "b"]] * 20)
    found = roles_of(table(tmp_path, frame), NOBODY | {"prediction": "said"})
    assert "words" not in found.columns
    assert found.notes == ("left out, since they hold lists or structs: words",)


def test_names_are_fit_for_a_terminal_and_for_a_line():
    assert named(["a\x1b[2J", "b\nc"]) == "a\\x1b[2J, b\\nc"
    assert named([f"c{number}" for number in range(12)]) == "c0, c1, c2, c3, c4, c5, c6, c7 and 4 more"


def test_columns_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"rows\.parquet has no column 'sad', 'when'; it has 'age', 'plan'"):
        roles_of(table(tmp_path), {"prediction": "sad", "time": "when", "label": "late"})


def test_a_hostile_column_of_a_tag_is_only_a_name(tmp_path):
    frame = pd.DataFrame({"x": [1.0], "<script>\x1b": [0.5]})
    found = roles_of(table(tmp_path, frame), NOBODY, tags={"mirante.prediction": "<script>\x1b"})
    assert found.prediction == ("<script>\x1b",)
    assert "\x1b" not in found.notes[0]


def test_probabilities_are_several_columns_and_those_of_the_log_are_found(tmp_path):
    frame = rows(20).assign(no=0.25, yes=0.75)
    found = roles_of(table(tmp_path, frame), NOBODY | {"prediction": ["no", "yes"]})
    assert found.prediction == ("no", "yes")
    assert "no" not in found.features
    logged = frame.rename(columns={"no": "__probability_of_no", "yes": "__probability_of_yes"})
    logged["__prediction"] = "yes"
    found = roles_of(table(tmp_path, logged), NOBODY | {"prediction": "__prediction"})
    assert found.prediction == ("__probability_of_no", "__probability_of_yes")
    assert not [name for name in found.features if name.startswith("__")]
    assert found.notes[0].startswith("prediction: the probabilities of classes, as the log has them")
