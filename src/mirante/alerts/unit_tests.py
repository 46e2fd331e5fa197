"""Unit tests of rules in promtool's format, run by Mirante's own engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import glob
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mirante.alerts.fields import Duration
from mirante.alerts.replay import Replay
from mirante.alerts.rules import Rule, load_rules
from mirante.alerts.rules.series_language import Point, parse_series, parse_values
from mirante.alerts.templates import render_as_prometheus
from mirante.durations import format_duration
from mirante.errors import ConfigError
from mirante.readings import Reading
from mirante.yaml_file import checked, read_yaml

__all__ = ["Failure", "Report", "run_unit_tests"]

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_LOOKBACK = timedelta(minutes=5)  # for how long a value holds without a new one, in Prometheus
_ENDED = timedelta(microseconds=-1)  # stale from the moment that it is heard
_STALE = "stale"


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _values_text(value: object) -> object:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if isinstance(text, str):
        parse_values(text)
    return text


def _series_text(value: object) -> object:
    if isinstance(value, str):
        parse_series(value)
    return value


_Texts = dict[str, Annotated[str, BeforeValidator(_text)]]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _InputSeries(_Shape):
    series: Annotated[str, BeforeValidator(_series_text)]
    values: Annotated[str, BeforeValidator(_values_text)]


class _ExpectedAlert(_Shape):
    exp_labels: _Texts = Field(default_factory=dict)
    exp_annotations: _Texts = Field(default_factory=dict)


class _AlertCase(_Shape):
    eval_time: Duration
    alertname: str
    exp_alerts: list[_ExpectedAlert] | None = None


class _Group(_Shape):
    name: str = ""
    interval: Duration = timedelta(minutes=1)
    input_series: list[_InputSeries] = Field(default_factory=list)
    alert_rule_test: list[_AlertCase] = Field(default_factory=list)
    promql_expr_test: list[Any] = Field(default_factory=list)
    external_labels: dict[str, Any] = Field(default_factory=dict)
    external_url: str = ""


class _File(_Shape):
    rule_files: list[str] = Field(default_factory=list)
    evaluation_interval: Duration = timedelta(minutes=1)
    group_eval_order: list[str] = Field(default_factory=list)
    tests: list[_Group] = Field(default_factory=list)


_Shown = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Failure:
    """Alerts that were not as expected.

    Parameters
    ----------
    test : str
        Name of the test, or its number.
    alertname : str
        The rule.
    time : timedelta
        When, from the start of the test.
    expected, got : tuple of str
        Alerts, as their labels and annotations.
    """

    test: str
    alertname: str
    time: timedelta
    expected: tuple[str, ...]
    got: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one test file.

    Parameters
    ----------
    checks : int
        How many times it was looked whether the alerts are those expected.
    failures : tuple of Failure
        Those that were not.
    skipped : int
        Tests of PromQL expressions, which only promtool can run.
    """

    checks: int
    failures: tuple[Failure, ...]
    skipped: int = 0

    def text(self) -> str:
        """Return what promtool would print.

        Examples
        --------
        >>> print(Report(2, (Failure("test 1", "busy", timedelta(minutes=2), (), ("labels {}",)),)).text())
          FAILED:
            test 1: alertname: busy, time: 2m,
                exp: nothing
                got: labels {}
        """
        lines = ["  FAILED:" if self.failures else "  SUCCESS"]
        for failure in self.failures:
            lines.append(
                f"    {failure.test}: alertname: {failure.alertname}, time: {format_duration(failure.time)},"
            )
            for heading, alerts in (("exp", failure.expected), ("got", failure.got)):
                lines += [f"        {heading}: {alert}" for alert in alerts or ("nothing",)]
        if self.skipped:
            lines.append(f"  not run: {self.skipped} promql_expr_test, which need promtool")
        return "\n".join(lines)


def run_unit_tests(path: Path) -> Report:
    """Run a test file of promtool's format over rule files of Mirante.

    Parameters
    ----------
    path : Path
        The file; ``rule_files`` in it name rule files of Mirante, relative to it.

    Returns
    -------
    Report
        Only firing alerts are compared, with the label ``severity`` that they are exported with. A series
        without a value counts as missing after five minutes, as in Prometheus, and the rule's ``on_missing``
        says what that means.

    Raises
    ------
    ConfigError
        If the file or a rule file is wrong, or a test names a rule that is not there.
    """
    document = read_yaml(path)
    file = checked(_File, document)
    rules = _rules_of(file, path.parent)
    names = {rule.name for rule in rules}
    errors = [
        f"{document.source}, line {document.line('tests', i, 'alert_rule_test', j, 'alertname')}: "
        f"there is no rule {case.alertname!r} in its rule files"
        for i, group in enumerate(file.tests)
        for j, case in enumerate(group.alert_rule_test)
        if case.alertname not in names
    ]
    if errors:
        raise ConfigError("\n".join(errors))
    failures: list[Failure] = []
    for index, group in enumerate(file.tests, 1):
        failures += _run(group, group.name or f"test {index}", rules, file.evaluation_interval)
    checks = sum(len(group.alert_rule_test) for group in file.tests)
    return Report(checks, tuple(failures), sum(len(group.promql_expr_test) for group in file.tests))


def _rules_of(file: _File, folder: Path) -> list[Rule]:
    rules: list[Rule] = []
    for pattern in file.rule_files:
        found = sorted(glob(str(folder / pattern)))  # noqa: PTH207 - a pattern may be absolute
        if not found:
            raise ConfigError(f"rule_files: there is no file {pattern!r} beside the test file")
        for name in found:
            rules += load_rules(Path(name))
    return rules


def _run(group: _Group, name: str, rules: Sequence[Rule], every: timedelta) -> Iterator[Failure]:
    """Evaluate at every interval, and compare where a test asks for it."""
    if every <= timedelta() or group.interval <= timedelta():
        raise ConfigError("evaluation_interval and interval must be longer than 0")
    cases = sorted(group.alert_rule_test, key=lambda case: case.eval_time)
    series = [(parse_series(one.series), parse_values(one.values)) for one in group.input_series]
    by_name = {rule.name: rule for rule in rules}
    tick = done = 0
    with Replay(rules) as replay:
        while done < len(cases):
            now = tick * every
            news = [r for (key, points) in series if (r := _newest(key, points, group.interval, now, every))]
            replay.step(_BEGIN + now, news, lambda reading, now=now: _held(reading, _BEGIN + now))  # type: ignore[misc]  # a default
            if replay.errors:
                raise ConfigError("; ".join(f"{rule}: {why}" for rule, why in replay.errors.items()))
            while done < len(cases) and cases[done].eval_time < now + every:
                case = cases[done]
                failure = _compared(case, name, _firing(replay, by_name[case.alertname]))
                if failure is not None:
                    yield failure
                done += 1
            tick += 1


def _newest(
    key: tuple[str, dict[str, str]],
    points: Sequence[Point],
    interval: timedelta,
    now: timedelta,
    every: timedelta,
) -> Reading | None:
    """Return the newest value of a series since the evaluation before; older ones are never seen."""
    last = min(now // interval, len(points) - 1)
    while last >= 0 and last * interval > now - every:
        point = points[last]
        if point is not None:
            value, note = (float("nan"), _STALE) if point == "stale" else (float(point), "")
            return Reading(key[0], value, _BEGIN + last * interval, key[1], note)
        last -= 1
    return None


def _held(reading: Reading, now: datetime) -> timedelta:
    """Say for how long from now a value holds."""
    return _ENDED if reading.note == _STALE else _LOOKBACK - (now - reading.time)


def _firing(replay: Replay, rule: Rule) -> list[_Shown]:
    found = []
    for row, state in replay.standing():
        if row.rule == rule.name and state.phase == "firing":
            labels = {**row.labels, "alertname": rule.name, "severity": rule.severity}
            texts = {"summary": rule.summary, "description": rule.description}
            annotations = {
                key: render_as_prometheus(text, row.labels, state.value)
                for key, text in texts.items()
                if text
            }
            found.append(_shown(labels, annotations))
    return sorted(found)


def _shown(labels: Mapping[str, str], annotations: Mapping[str, str]) -> _Shown:
    # a label without a value is no label, in Prometheus
    return tuple(sorted((k, v) for k, v in labels.items() if v)), tuple(sorted(annotations.items()))


def _compared(case: _AlertCase, test: str, got: list[_Shown]) -> Failure | None:
    expected = sorted(
        _shown({**alert.exp_labels, "alertname": case.alertname}, alert.exp_annotations)
        for alert in case.exp_alerts or ()
    )
    if expected == got:
        return None
    return Failure(test, case.alertname, case.eval_time, _lines(expected), _lines(got))


def _lines(alerts: Sequence[_Shown]) -> tuple[str, ...]:
    return tuple(f"labels {_pairs(labels)} annotations {_pairs(texts)}" for labels, texts in alerts)


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in pairs) + "}"
