"""What each column of a data set is for: given to the model, said by it, the time, the truth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mirante.errors import InputError
from mirante.inference_log.kinds import META
from mirante.inference_log.probabilities import is_probability
from mirante.monitors.check.words import plain
from mirante.sources.tables import TableFile
from mirante.sources.tables.kinds import NOT_COMPARABLE
from mirante.tracking.signatures import ModelColumns

__all__ = ["TAGS", "Roles", "named", "roles_of"]

TAGS = {
    "prediction": "mirante.prediction",
    "time": "mirante.time",
    "label": "mirante.label",
}
"""The tags of a logged data set that name its columns: MLflow itself does not keep which is the target."""

_NUMBERS = frozenset({"number", "boolean", "nothing"})
_KINDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("integer", "long", "float", "double"), _NUMBERS),
    "string": frozenset({"text", "category", "nothing"}),
    "binary": frozenset({"text", "category", "nothing"}),
    "boolean": frozenset({"boolean", "nothing"}),
    "datetime": frozenset({"time", "text", "nothing"}),
}
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a data set are for.

    Parameters
    ----------
    features : tuple of str
        What the model is given, in the order of the data.
    prediction : tuple of str
        What it said: one column, or one for each class; none where it is to be asked.
    time, label : str, optional
        Event time and truth.
    given : tuple of str
        What the model asks for when it is to predict: the columns of its signature, else the features.
    texts : tuple of str
        Columns that the model takes as text, whatever they look like.
    notes : tuple of str
        What is to be told of the choice.
    """

    features: tuple[str, ...]
    prediction: tuple[str, ...] = ()
    time: str | None = None
    label: str | None = None
    given: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        rest = [name for name in (self.time, self.label) if name is not None]
        return tuple(dict.fromkeys([*self.features, *self.prediction, *rest, *self.given]))


def named(names: Collection[str]) -> str:
    """Return names in a row, the first eight of them, fit for a terminal."""
    shown = ", ".join(plain(name) for name in list(names)[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def roles_of(
    table: TableFile,
    asked: Mapping[str, str | Sequence[str] | None],
    *,
    model: ModelColumns = ModelColumns(),  # noqa: B008  it is frozen
    tags: Mapping[str, str] | None = None,
    predict: bool = False,
    keep_extra: bool = False,
) -> Roles:
    """Say what each column of a data set is for.

    Parameters
    ----------
    table : TableFile
        The data.
    asked : mapping of str to str
        ``prediction, time, label``: columns that a person named; several of them where predictions are the
        probabilities of classes.
    model : ModelColumns
        The model's signature. Without one all columns that are not named are features.
    tags : mapping of str to str, optional
        Of the logged data set: they name columns that no person named.
    predict : bool
        Whether the model is asked for its predictions.
    keep_extra : bool
        Whether columns that the model is not given are features all the same.

    Returns
    -------
    Roles

    Raises
    ------
    InputError
        If a column is not there, the prediction is not known, or the model needs a column that is missing.
    """
    chosen, notes = {role: _listed(columns) for role, columns in asked.items()}, []
    for role, tag in TAGS.items():
        column = (tags or {}).get(tag)
        if not chosen.get(role) and column in table.kinds and not (role == "prediction" and predict):
            chosen[role] = (str(column),)
            notes.append(f"{role}: the column {plain(str(column))}, as the data set's tag {tag} says")
    if predict:
        chosen["prediction"] = ()
    _check_named(table, chosen)
    inputs = {one.name for one in model.inputs}
    answered = [name for name in model.outputs if name in table.kinds and name not in inputs]
    if not chosen.get("prediction") and not predict and len(answered) == 1 == len(model.outputs):
        chosen["prediction"] = (answered[0],)
        notes.append(
            f"prediction: the column {plain(answered[0])}, which is what the model's signature answers"
        )
    logged = [name for name in table.kinds if is_probability(name)]
    if logged and chosen.get("prediction") == ("__prediction",):
        chosen["prediction"] = tuple(logged)
        notes.append(f"prediction: the probabilities of classes, as the log has them: {named(logged)}")
    used = {name for columns in chosen.values() for name in columns}
    if logged:  # rows of the log: none of its own columns is a feature
        used |= {*logged, *META, "__version"}
    if inputs:
        notes += _against(table, model)
    rest = [name for name in table.kinds if name not in used]
    extra = [name for name in rest if inputs and name not in inputs]
    if not chosen.get("prediction") and not predict:
        raise InputError(_no_prediction(table, extra if inputs else rest))
    if not keep_extra and extra:
        rest = [name for name in rest if name in inputs]
        notes.append(f"left out, since the model is not given them: {named(extra)} (--keep-extra keeps them)")
    lists = [name for name in rest if table.kinds[name] == NOT_COMPARABLE]
    if lists:
        rest = [name for name in rest if name not in lists]
        notes.append(f"left out, since they hold lists or structs: {named(lists)}")
    given = [one.name for one in model.inputs if one.name in table.kinds and one.name not in lists]
    texts = tuple(one.name for one in model.inputs if one.kind == "string")
    return Roles(
        tuple(rest),
        chosen.get("prediction", ()),
        next(iter(chosen.get("time", ())), None),
        next(iter(chosen.get("label", ())), None),
        tuple(given or rest) if predict else (),
        texts,
        tuple(notes),
    )


def _listed(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    return () if columns is None else (columns,) if isinstance(columns, str) else tuple(columns)


def _check_named(table: TableFile, chosen: Mapping[str, Sequence[str]]) -> None:
    missing = [name for columns in chosen.values() for name in columns if name not in table.kinds]
    if missing:
        there = ", ".join(map(repr, table.kinds))
        raise InputError(f"{table.path} has no column {', '.join(map(repr, missing))}; it has {there}")


def _against(table: TableFile, model: ModelColumns) -> list[str]:
    """Hold the data against the signature; other types are told, a missing column is an error."""
    lacking = [one.name for one in model.inputs if one.required and one.name not in table.kinds]
    if lacking:
        raise InputError(
            f"{table.path} lacks {', '.join(map(repr, lacking[:_NAMED]))}, which the model's signature "
            f"requires; it has {', '.join(map(repr, list(table.kinds)[:_NAMED]))}. Give the data as "
            "the model is given them, after preprocessing that is not part of the model"
        )
    notes = []
    optional = [one.name for one in model.inputs if not one.required and one.name not in table.kinds]
    if optional:
        notes.append(f"not in the data, and the model does not require them: {named(optional)}")
    other = [
        f"{plain(one.name)} ({table.kinds[one.name]}, the signature says {plain(one.kind)})"
        for one in model.inputs
        if one.name in table.kinds and not _fits(table, one.name, one.kind)
    ]
    if other:
        notes.append(f"of another type than the model is given: {', '.join(other[:_NAMED])}")
    return notes


def _fits(table: TableFile, name: str, kind: str) -> bool:
    known = _KINDS.get(kind)
    if known is None or table.kinds[name] in known:
        return True
    return kind == "string" and not table.has_types  # text in a CSV file may look like anything


def _no_prediction(table: TableFile, candidates: Sequence[str]) -> str:
    which = f"; columns that may hold it: {', '.join(map(repr, candidates[:_NAMED]))}" if candidates else ""
    return (
        f"nothing says which column of {table.path} holds what the model said{which}. Name it with "
        "--prediction COLUMN, or let the model answer with --predict"
    )
