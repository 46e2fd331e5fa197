"""YAML without its traps, and errors that know their line.

Only what a config needs: mappings, lists and scalars. Anchors, aliases and tags are refused (a few hundred
bytes of aliases can mean gigabytes), so are duplicate keys; ``1:30``, ``on`` and ``0123`` are texts, not 90,
true and 83.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from mirante.errors import ConfigError

__all__ = ["Document", "checked", "parse_yaml", "read_yaml"]

_LARGEST = 4 * 1024 * 1024
_DEEPEST = 40
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,300})")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]{1,4})?")
_SECRET = re.compile("password|secret|token|webhook_url")
_WORD = re.compile("[a-z_]{1,20}")
# Texts under these keys are shown in errors; anything else may be a secret in the wrong place.
_SHOWN = frozenset(
    {
        "alarm_budget",
        "alias",
        "effect_floor",
        "evaluation_interval",
        "for",
        "interval",
        "keep_firing_for",
        "label_delay",
        "lateness",
        "locale",
        "log",
        "metric",
        "model",
        "name",
        "on_missing",
        "op",
        "port",
        "severity",
        "smtp_port",
        "smtp_tls",
        "task",
        "timezone",
        "value",
        "when",
        "where",
        "window",
    }
)
_NEEDS = {
    "model_type": "needs keys and values below it",
    "model_attributes_type": "needs keys and values below it",
    "dict_type": "needs keys and values below it",
    "list_type": "needs a list",
    "tuple_type": "needs a list",
    "bool_type": "needs true or false",
    "bool_parsing": "needs true or false",
    "float_type": "needs a number",
    "float_parsing": "needs a number",
    "int_type": "needs a whole number",
    "int_parsing": "needs a whole number",
    "int_from_float": "needs a whole number",
    "string_type": "needs a text; put it in quotes",
    "path_type": "needs the path of a file",
}
_OF_KIND = ("_type", "_parsing")  # of pydantic's errors: it is another kind of value
_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Model = TypeVar("_Model", bound=BaseModel)
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Plain data, and the line of each of its parts.

    Parameters
    ----------
    source : str
        Name of the file, for errors.
    data : object
        Mappings, lists, texts, numbers, booleans, None.
    lines : dict
        Line of each path.
    options : frozenset of str
        Keys that were options of the command, and are told as such.
    """

    source: str
    data: Any
    lines: dict[Place, int]
    options: frozenset[str] = frozenset()

    def line(self, *place: str | int) -> int:
        """Return the line of a part, or of the nearest part around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(path: Path) -> Document:
    """Read a YAML file.

    Parameters
    ----------
    path : Path
        A UTF-8 file of at most 4 MiB.

    Returns
    -------
    Document
        Its data and lines.

    Raises
    ------
    ConfigError
        If it is not there, too large, or not plain YAML.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        return parse_yaml(raw.decode("utf-8-sig"), source=str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{_on_one_line(str(path))}: cannot be read: {why}") from error


def parse_yaml(text: str, *, source: str = "<text>") -> Document:
    r"""Parse YAML.

    Parameters
    ----------
    text : str
        One document.
    source : str
        Its name in errors.

    Returns
    -------
    Document
        Its data and lines.

    Raises
    ------
    ConfigError
        With the line of what is wrong.

    Examples
    --------
    >>> parse_yaml("for: 1:30\nlevel: 1e3\nswitch: on").data
    {'for': '1:30', 'level': 1000.0, 'switch': 'on'}
    >>> parse_yaml("a: 1\na: 2")
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: <text>, line 2: the key 'a' is there twice; it was at line 1 first
    """
    if len(text) > _LARGEST:
        raise ConfigError(f"{source}: is larger than {_LARGEST // 1024 // 1024} MiB; split it")
    reader = _Reader(source)
    try:
        data = reader.document(yaml.parse(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        problem = re.sub(r"(tag handle|alias) '.*'", r"\1", problem)
        if mark is not None and re.match(" *\t", [*text.splitlines(), ""][mark.line]):
            problem = "a tab stands before the text; indent with spaces"
        raise ConfigError(f"{source}{line}: cannot be read as YAML: {problem}") from error
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{source}: cannot be read as YAML: it is no clean text") from error
    return Document(source, data, reader.lines)


class _Reader:
    """Builds plain data from YAML's events."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Place, int] = {}

    def document(self, events: Iterator[Any]) -> Any:
        self._events = events
        data = None
        seen = False
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    self._fail(event, "a second document begins; one file holds one")
                seen = True
                data = self._value(next(events), ())
        return data

    def _fail(self, event: Any, problem: str) -> NoReturn:
        raise ConfigError(f"{self.source}, line {self._line(event)}: {problem}")

    @staticmethod
    def _line(event: Any) -> int:
        return int(event.start_mark.line) + 1

    def _value(self, event: Any, place: Place) -> Any:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._fail(event, "anchors and aliases (&x, *x) are not allowed; write it out, or quote the text")
        if getattr(event, "tag", None) is not None:
            self._fail(event, "tags (!name) are not allowed; put the text in quotes")
        if len(place) > _DEEPEST:
            self._fail(event, f"is nested more than {_DEEPEST} deep")
        self.lines.setdefault(place, self._line(event))
        if isinstance(event, yaml.ScalarEvent):
            return _plain(event.value) if event.implicit[0] and not event.style else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(inner, (*place, len(items))))
            return items
        return self._mapping(place)

    def _mapping(self, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self._fail(key, "a key must be a plain text")
            inner = (*place, key.value)
            if key.value in mapping:
                first = self.lines[inner]
                self._fail(key, f"the key {key.value!r} is there twice; it was at line {first} first")
            self.lines[inner] = self._line(key)
            mapping[key.value] = self._value(next(self._events), inner)
        return mapping


def _plain(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not re.match(r"[-+]?0[0-9]", text):
        return float(text)
    return text


def checked(model: type[_Model], document: Document, *, context: Any = None) -> _Model:
    """Hold a document against a pydantic model.

    Parameters
    ----------
    model : type of BaseModel
        What is expected.
    document : Document
        What is there.
    context : object
        Given to pydantic's validators.

    Returns
    -------
    BaseModel
        The checked object.

    Raises
    ------
    ConfigError
        With all errors, one to a line: file, line, key, what was got and what is needed.
    """
    try:
        return model.model_validate(document.data, context=context)
    except ValidationError as error:
        details = [(_place_of(detail, document), detail) for detail in error.errors(include_url=False)]
        lines = [_describe(place, detail, document, model) for place, detail in _one_for_a_place(details)]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None  # pydantic's own text repeats secrets


def _place_of(detail: Any, document: Document) -> Place:
    return _place(document.data, detail["loc"], missing=detail["type"] in ("missing", "extra_forbidden"))


def _one_for_a_place(details: list[tuple[Place, Any]]) -> Iterator[tuple[Place, Any]]:
    """Leave out what members of a union say that are not meant; where none is, all their needs are one."""
    around = {place[:depth] for place, _ in details for depth in range(len(place))}
    here: dict[Place, list[Any]] = {}
    for place, detail in details:
        here.setdefault(place, []).append(detail)
    for place, detail in details:
        if not detail["type"].endswith(_OF_KIND):
            yield place, detail
        elif place not in around and all(one["type"].endswith(_OF_KIND) for one in here[place]):
            needs = dict.fromkeys(map(_need, here[place]))
            yield place, detail | {"need": ", or ".join(needs).replace(", or needs ", ", or ")}


def _describe(place: Place, detail: Any, document: Document, model: type[BaseModel]) -> str:
    name = "".join(
        f"[{part}]" if isinstance(part, int) else f".{_on_one_line(part) or '(empty)'}" for part in place
    ).lstrip(".")
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    problem = _problem(detail, key)
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(key, _keys_at(model, detail["loc"][:-1]), n=1, cutoff=0.7)
        problem = f"is no known key; did you mean {near[0]!r}?" if near else problem
    if place and place[0] in document.options:
        return f"--{name.replace('_', '-')}: {problem}"
    return f"{document.source}, line {document.line(*place)}: {name + ': ' if name else ''}{problem}"


def _keys_at(model: type[BaseModel], path: Place) -> list[str]:
    """Return the keys that may stand at a place of a config; where that is of several kinds, those of all."""
    found = {model}
    for part in path:
        fields = [
            field for one in found for name, field in one.model_fields.items() if part in (field.alias, name)
        ]
        found = {inner for field in fields for inner in _models_in(field.annotation)} or found
    return sorted({field.alias or name for one in found for name, field in one.model_fields.items()})


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _on_one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _place(data: Any, path: Place, *, missing: bool) -> Place:
    """Return the keys of a path that are in the file; pydantic adds names of union members and validators."""
    place: list[str | int] = []
    for index, part in enumerate(path):
        inside = isinstance(part, int) if isinstance(data, list) else isinstance(data, dict) and part in data
        if inside and missing and index < len(path) - 1 and not isinstance(data[part], dict | list):
            continue  # a member of a union that is called as the key by which it is known
        if inside:
            data = data[part]
            place.append(part)
        elif missing and index == len(path) - 1:
            place.append(part)
    return tuple(place)


def _problem(detail: Any, key: str) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return "is no known key; remove it, or check its spelling"
    if kind in ("missing", "union_tag_not_found"):
        return "is missing; add it" if kind == "missing" else f"has no {context['discriminator']}; add it"
    got = f"got {_shown(detail['input'], key)}"
    cause = context.get("error")
    if isinstance(cause, ConfigError):
        return f"{got}; {cause}" if str(cause).startswith("needs ") else str(cause)
    if kind == "union_tag_invalid":  # pydantic's own text repeats what was got, which may be a web address
        tag = f" {context['tag']!r}" if _WORD.fullmatch(context["tag"]) else ""
        return f"{context['discriminator']}{tag} is not known; write one of {context['expected_tags']}"
    return f"{got}; {detail.get('need') or _need(detail)}"


def _need(detail: Any) -> str:
    percent = isinstance(detail["input"], str) and detail["input"].endswith("%")
    if percent and detail["type"] == "float_parsing":
        return "needs a number, such as 0.03 for 3%"
    return _NEEDS.get(detail["type"]) or detail["msg"][0].lower() + detail["msg"][1:]


def _shown(value: object, key: str) -> str:
    if isinstance(value, dict | list | tuple) or value is None:
        return "nothing" if value is None else "a mapping" if isinstance(value, dict) else "a list"
    if _SECRET.search(key) or not (key in _SHOWN or isinstance(value, int | float)):
        return "a text" if isinstance(value, str) else "a number" if _is_number(value) else "another value"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
