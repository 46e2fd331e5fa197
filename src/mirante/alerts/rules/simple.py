"""The small rule of the reference API: a condition on one mapping of metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias, cast

from mirante.alerts.expression import Expression
from mirante.alerts.rules.rule import check_severity
from mirante.alerts.rules.states import OnMissing
from mirante.alerts.templates import as_number, check_template, render_names
from mirante.errors import ConfigError

__all__ = ["AlertRule", "Condition", "Finding"]

Condition: TypeAlias = Callable[[Mapping[str, object]], object]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule said about one mapping of metrics.

    Parameters
    ----------
    truth : bool or None
        None is unknown.
    value : float
        Of the first metric that the condition asked for.
    error : str
        Why it is unknown, when the condition failed.
    missing : tuple of str
        Metrics that it asked for and did not find, or found to be NaN.
    """

    truth: bool | None
    value: float = math.nan
    error: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlertRule:
    """A named condition with a message.

    Parameters
    ----------
    name : str
        Unique within its manager.
    condition : callable or str
        A callable on the mapping of metrics, or an expression such as ``"cpu_percent > 90"``.
    message_template : str
        Text with ``{cpu_percent}`` (bare names only) or ``{{ $value }}``, the first metric of the condition.
    severity : {"info", "warning", "critical"}
        Critical goes to email and Slack, the others to Slack.

    Raises
    ------
    ConfigError
        If the expression, the template or the severity is wrong.

    Examples
    --------
    >>> rule = AlertRule("high_cpu", lambda m: m["cpu_percent"] > 90, "CPU at {cpu_percent}%", "critical")
    >>> rule.find({"cpu_percent": 93.5}).truth, rule.message({"cpu_percent": 93.5})
    (True, 'CPU at 93.5%')
    >>> rule.find({}).missing
    ('cpu_percent',)
    """

    name: str
    condition: Condition | str
    message_template: str
    severity: str = "info"
    expression: Expression | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for field_name in ("name", "message_template"):
            given: object = getattr(self, field_name)
            if not isinstance(given, str):
                raise ConfigError(f"{field_name} is a {type(given).__name__}; give a text")
        check_severity(self.severity)
        check_template(self.message_template)
        condition: object = self.condition
        if not (isinstance(condition, str) or callable(condition)):
            got = type(condition).__name__
            message = f"rule {self.name!r}: the condition is a {got}; give an expression or a callable"
            raise ConfigError(message)
        compiled = Expression(condition) if isinstance(condition, str) else None
        if compiled is not None and compiled.windows:
            asked = compiled.windows[0]
            raise ConfigError(
                f"rule {self.name!r} asks for {asked}, and one mapping has no past; put it into a rule file"
            )
        object.__setattr__(self, "expression", compiled)

    @property
    def for_(self) -> timedelta:
        """It fires at once."""
        return timedelta()

    @property
    def keep_firing_for(self) -> timedelta:
        """It resolves at once."""
        return timedelta()

    @property
    def on_missing(self) -> OnMissing:
        """What is unknown changes nothing."""
        return "keep"

    def find(self, metrics: Mapping[str, object]) -> Finding:
        """Hold the condition against metrics; never raises for what the metrics or the callable do.

        Parameters
        ----------
        metrics : mapping of str to object
            Such as ``SystemMonitor().collect_metrics().__dict__``; numbers of a mapping inside are reached as
            ``network_io_bytes_sent``.

        Returns
        -------
        Finding
            Unknown when a metric is missing or NaN, or the callable raised.
        """
        if self.expression is not None:
            numbers = {name: as_number(metrics.get(name)) for name in self.expression.metrics}
            numbers.update({n: as_number(v) for n, v in _flat(metrics).items() if n in numbers})
            missing = tuple(n for n, v in numbers.items() if v is None or math.isnan(v))
            first = numbers[self.expression.metrics[0]]
            truth = self.expression.test(numbers)
            return Finding(truth, math.nan if first is None else first, missing=missing)
        return _ask(cast("Condition", self.condition), metrics)  # not a str, as checked in __post_init__

    def message(self, metrics: Mapping[str, object], value: float | None = None) -> str:
        """Return the message for these metrics.

        Parameters
        ----------
        metrics : mapping of str to object
            What the names in the template stand for; a name that is not there stays as it is written.
        value : float, optional
            The number for ``{{ $value }}``; looked up when it is not given.
        """
        shown = self.find(metrics).value if value is None else value
        return render_names(self.message_template, _flat(metrics), shown)


def _flat(metrics: Mapping[str, object]) -> dict[str, object]:
    flat = dict(metrics)
    for name, inner in metrics.items():
        if isinstance(inner, Mapping):
            flat.update({f"{name}_{key}": value for key, value in inner.items()})
    return flat


class _Watched(dict[str, object]):
    """The metrics as given, remembering which were asked for: so NaN and missing can be told from false."""

    def __init__(self, metrics: Mapping[str, object]) -> None:
        super().__init__(metrics)
        self.asked: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        self.asked.setdefault(name, None)
        value = self.asked[name] = super().__getitem__(name)
        return value

    def get(self, name: str, default: object = None) -> object:
        return self[name] if name in self else self.asked.setdefault(name, default)


def _ask(condition: Condition, metrics: Mapping[str, object]) -> Finding:
    watched = _Watched(metrics)
    error = ""
    truth: bool | None = None
    try:
        truth = bool(condition(watched))
    except Exception as raised:  # a caller's function may raise anything, and the other rules must go on
        lost = isinstance(raised, KeyError) and _was_asked(raised, watched)
        error = "" if lost else f"{type(raised).__name__}: {str(raised)[:300]}"
    numbers = {name: as_number(value) for name, value in watched.asked.items()}
    unknown = tuple(name for name, value in watched.asked.items() if value is None or _is_nan(numbers[name]))
    if truth is False and unknown:
        truth = None  # every comparison with NaN is false, which must not pass for "all is well"
    value = next((v for v in numbers.values() if v is not None), math.nan)
    return Finding(truth, value, error, unknown if truth is None else ())


def _was_asked(error: KeyError, watched: _Watched) -> bool:
    """Say whether a KeyError is about a metric that is not there, and not about something of the caller's."""
    name = error.args[0] if error.args else None
    return isinstance(name, str) and name in watched.asked and name not in watched


def _is_nan(number: float | None) -> bool:
    return number is not None and math.isnan(number)
