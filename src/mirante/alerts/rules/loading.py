"""Rules from YAML: all errors of a file at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from mirante.alerts.expression import Expression
from mirante.alerts.fields import Duration, check_matchers
from mirante.alerts.rules.rule import Origin, Rule
from mirante.alerts.templates import check_template
from mirante.errors import ConfigError
from mirante.garbage import without_collection
from mirante.i18n import translator
from mirante.yaml_file import Document, checked, parse_yaml, read_yaml

__all__ = ["RuleSpec", "default_rules", "load_rules", "rules_of"]


def _condition(value: object) -> object:
    if isinstance(value, str):
        Expression(value)
    return value


def _template(value: object) -> object:
    return check_template(value) if isinstance(value, str) else value


_OURS = "default_rules.yaml"
_Template = Annotated[str, BeforeValidator(_template)]


class RuleSpec(BaseModel):
    """A rule as it is written in YAML: ``when``, or ``metric``, ``op`` and ``value``.

    Examples
    --------
    >>> spec = {"name": "busy", "metric": "cpu", "op": ">", "value": 90, "for": "5m"}
    >>> RuleSpec.model_validate(spec).rule().when
    'cpu > 90'
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(min_length=1, max_length=200)
    when: Annotated[str, BeforeValidator(_condition)] | None = None
    metric: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    op: Literal["<", "<=", ">", ">=", "==", "!="] | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    where: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str], BeforeValidator(check_matchers)
    ] = Field(default_factory=dict)
    for_: Duration = Field(default=timedelta(), alias="for")
    keep_firing_for: Duration = timedelta()
    severity: Literal["info", "warning", "critical"] = "warning"
    summary: _Template = ""
    description: _Template = ""
    on_missing: Literal["keep", "resolve", "alert"] = "keep"
    labels: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(
        default_factory=dict
    )

    _rule: Rule = PrivateAttr()

    @model_validator(mode="after")
    def _one_condition(self) -> RuleSpec:
        parts = {"metric": self.metric, "op": self.op, "value": self.value}
        given = [name for name, part in parts.items() if part is not None]
        if self.when is not None and given:
            raise ConfigError(f"has both 'when' and {', '.join(map(repr, given))}; write one or the other")
        if self.when is None and len(given) < len(parts):
            lacking = ", ".join(repr(name) for name in parts if name not in given)
            raise ConfigError(f"has no condition; write 'when', or add {lacking}")
        self._rule = self._build()  # while what was parsed to check the condition is at hand
        return self

    def _build(self) -> Rule:
        return Rule(
            name=self.name,
            when=self.when if self.when is not None else f"{self.metric} {self.op} {self.value:.17g}",
            where=self.where,
            for_=self.for_,
            keep_firing_for=self.keep_firing_for,
            severity=self.severity,
            summary=self.summary,
            description=self.description,
            on_missing=self.on_missing,
            labels=self.labels,
        )

    def rule(self) -> Rule:
        """Return the rule."""
        return self._rule


class _RuleFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[RuleSpec]


def _nowhere(_: int) -> None:
    return None


def rules_of(specs: Iterable[RuleSpec], origin: Callable[[int], Origin | None] = _nowhere) -> list[Rule]:
    """Return the rules of several lists of specs; a later one replaces an earlier one of the same name.

    Parameters
    ----------
    specs : iterable of RuleSpec
        As written.
    origin : callable
        Says of a spec's place where it is written.

    Examples
    --------
    >>> [rule.when for rule in rules_of([RuleSpec(name="a", when="x > 1"), RuleSpec(name="a", when="x > 2")])]
    ['x > 2']
    """
    found = {spec.name: replace(spec.rule(), origin=origin(place)) for place, spec in enumerate(specs)}
    return list(found.values())


def load_rules(path_or_text: str | Path) -> list[Rule]:
    r"""Read a rule file.

    Parameters
    ----------
    path_or_text : str or Path
        A path, or the YAML itself (a text with a line break, or one that begins with ``rules:``).

    Returns
    -------
    list of Rule
        In the order of the file.

    Raises
    ------
    ConfigError
        With every error of the file: its line, its key, what was got and what is needed.

    Examples
    --------
    >>> [rule.severity for rule in load_rules("rules: [{name: busy, when: cpu > 90, severity: critical}]")]
    ['critical']
    >>> load_rules("rules:\n- name: busy\n  when: cpu > 90\n  for: 1:30")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: <text>, line 4: rules[0].for: '1:30' is no length of time; write ...
    """
    text = isinstance(path_or_text, str) and (
        "\n" in path_or_text or path_or_text.lstrip().startswith("rules:")
    )
    with without_collection():
        document = parse_yaml(str(path_or_text)) if text else read_yaml(Path(path_or_text))
        specs = checked(_RuleFile, document).rules
        _no_twins(specs, document, ("rules",))
        return rules_of(specs, lambda place: Origin(document.source, document.line("rules", place)))


def _no_twins(specs: Sequence[RuleSpec], document: Document, place: tuple[Any, ...]) -> None:
    first: dict[str, int] = {}
    errors = []
    for index, spec in enumerate(specs):
        if spec.name in first:
            earlier = document.line(*place, first[spec.name])
            errors.append(
                f"{document.source}, line {document.line(*place, index)}: rules[{index}].name: "
                f"{spec.name!r} is the name of the rule at line {earlier} too; give each a name of its own"
            )
        first.setdefault(spec.name, index)
    if errors:
        raise ConfigError("\n".join(errors))


def default_rules(locale: str = "en") -> list[Rule]:
    """Return the rules that come with Mirante.

    Parameters
    ----------
    locale : str
        Language of what they say.

    Examples
    --------
    >>> "feature_drift" in {rule.name for rule in default_rules()}
    True
    >>> next(rule.summary for rule in default_rules("pt_BR") if rule.name == "no_data")
    'Sem dados de {{ $labels.source }}'
    """
    text = files("mirante.alerts").joinpath(_OURS).read_text(encoding="utf-8")
    translate = translator(locale)

    def said(words: str) -> str:
        return translate(words) if words else ""  # a catalogue answers to the empty text with its header

    return [
        replace(
            rule,
            summary=said(rule.summary),
            description=said(rule.description),
            origin=Origin(_OURS, rule.origin.line if rule.origin else 1, own=False),
        )
        for rule in load_rules(text)
    ]
