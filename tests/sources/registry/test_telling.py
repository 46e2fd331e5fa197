"""What is said of the registry, in both languages."""

import math
import shlex
from datetime import UTC, datetime, timedelta

import pytest

from mirante.i18n import translator
from mirante.sources.registry import ModelBook
from mirante.sources.registry.book import AliasKnown, Happening, VersionKnown
from mirante.sources.registry.telling import alias_readings, event_of, model_readings, why_over

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_ = translator("en")
ASKED = NOW.isoformat()


def book(**versions):
    aliases = {"champion": AliasKnown("1", 2, "3"), "old": AliasKnown("2", gone=ASKED)}
    return ModelBook("it's a model", count=3, aliases=aliases, versions=versions)


def test_the_command_in_a_note_is_one_that_a_shell_reads():
    known = book(**{"1": VersionKnown(False, ASKED), "3": VersionKnown(False, ASKED)})
    notes = [one.note for one in model_readings(known, "r", NOW, _) if one.note]
    assert [shlex.split(note.partition(": ")[2]) for note in notes] == [
        ["mirante", "baseline", "create", "models:/it's a model@champion"],
        ["mirante", "baseline", "create", "models:/it's a model/3"],
    ]


@pytest.mark.parametrize(
    ("signature", "looked", "value", "note"),
    [
        (None, None, None, ""),
        (None, ASKED, math.nan, "cannot be read"),
        (True, ASKED, 0.0, ""),
        (False, ASKED, 1.0, "log the model with signature="),
    ],
)
def test_a_signature_is_said_once_it_was_looked_for(signature, looked, value, note):
    known = book(**{"1": VersionKnown(True, ASKED, signature, looked)})
    said = [one for one in model_readings(known, "r", NOW, _) if one.name == "version_signature_missing"]
    assert len(said) == (value is not None)
    for one in said:
        assert one.value == value or (math.isnan(one.value) and math.isnan(value))
        assert note in one.note


def test_a_model_that_is_not_counted_yet_has_no_number_of_versions():
    known = book()
    known.count = None
    assert list(model_readings(known, "r", NOW, _)) == []


def test_a_move_is_a_counter_that_stood_lower_before():
    def said(moves, before):
        found = alias_readings(book(), "champion", "r", NOW, _, moves=moves, before=before)
        return [(one.name, one.value, one.time) for one in found]

    hour = timedelta(hours=1)
    still = [("alias_version", 1.0, NOW), ("alias_moves_total", 2.0, NOW)]
    assert said(None, None) == said(2, NOW - hour) == still
    assert said(1, NOW - hour) == [("alias_moves_total", 1.0, NOW - hour), *still]
    for before in (None, NOW, NOW + hour):  # a clock that was set back
        assert said(1, before)[0][2] < NOW


@pytest.mark.parametrize("locale", ["en", "pt_BR"])
def test_each_kind_of_event_has_a_sentence(locale):
    kinds = ("version_created", "alias_moved", "alias_created", "alias_deleted", "stage_changed")
    texts = set()
    for kind in kinds:
        row = event_of(Happening(kind, "churn", "2", "1", "champion"), "registry/r", NOW, translator(locale))
        assert (row.kind, row.data["registered_model"]) == (kind, "churn")
        assert row.text.startswith("churn: ")
        texts.add(row.text)
    assert len(texts) == len(kinds)
    staged = event_of(Happening("stage_changed", "m", "2", pointer="Staging"), "r", NOW, _)
    assert staged.data == {"registered_model": "m", "to": "2", "stage": "Staging"}


def test_each_series_that_is_over_says_why():
    judge = why_over({"m": book(**{"1": VersionKnown(True, ASKED)})}, {("m", "mine")}, _)
    for labels, reason in (
        ({"registry": "r"}, ""),
        ({"registered_model": "m"}, ""),
        ({"registered_model": "gone"}, "not in the registry"),
        ({"registered_model": "m", "version": "1"}, ""),
        ({"registered_model": "m", "version": "2"}, "there is a newer one"),
        ({"registered_model": "m", "alias": "champion"}, ""),
        ({"registered_model": "m", "alias": "old"}, "was deleted"),
        ({"registered_model": "m", "alias": "mine"}, "watched itself"),
    ):
        said = judge("any", labels)
        assert reason in said if reason else said == "", labels
