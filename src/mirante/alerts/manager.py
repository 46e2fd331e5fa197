"""The small way to alert: `AlertManager` holds rules against one mapping of metrics at a time."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from mirante.alerts.channels.texts import title_of
from mirante.alerts.rules import AlertRule, AlertState, advance
from mirante.errors import ConfigError, DeliveryError, InputError, MiranteError
from mirante.notebook import html_result, html_table

__all__ = ["AlertManager", "Evaluation", "Failure", "Sender", "Sent"]

_MOST_OWED = 1_000


class Sender(Protocol):
    """What an `AlertManager` needs of an alert system."""

    def send_email_alert(self, subject: str, message: str, recipients: Any) -> None:
        """Send a mail, or raise."""
        ...

    def send_slack_alert(self, message: str) -> None:
        """Post to Slack, or raise."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice that was delivered.

    Parameters
    ----------
    rule : str
        Name of the rule.
    channel : {"email", "slack"}
        Where it went.
    state : {"firing", "resolved"}
        What it told.
    """

    rule: str
    channel: str
    state: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A notice that was not delivered.

    Parameters
    ----------
    rule : str
        Name of the rule.
    channel : {"email", "slack"}
        Where it should have gone.
    state : {"firing", "resolved"}
        What it should have told.
    error : str
        Why not.
    retry : bool
        Whether the next evaluation tries again.
    """

    rule: str
    channel: str
    state: str
    error: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation did.

    Parameters
    ----------
    sent : tuple of Sent
        Notices that were delivered.
    failed : tuple of Failure
        Notices that were not.
    firing : tuple of str
        Rules that fire now, whether they are news or not.
    unknown : mapping of str to str
        Rules that could not be judged, and the metrics that they lacked.
    errors : mapping of str to str
        Rules whose condition raised, and what.
    """

    sent: tuple[Sent, ...] = ()
    failed: tuple[Failure, ...] = ()
    firing: tuple[str, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """Return a table for a notebook, every text escaped."""
        sentence = f"{len(self.firing)} rules fire, {len(self.sent)} notices sent, {len(self.failed)} failed."
        rows = [
            *((one.rule, one.state, f"sent to {one.channel}") for one in self.sent),
            *((one.rule, one.state, f"not sent to {one.channel}: {one.error}") for one in self.failed),
            *((rule, "unknown", f"not judged: {lacks}") for rule, lacks in self.unknown.items()),
            *((rule, "error", error) for rule, error in self.errors.items()),
        ]
        told = {row[0] for row in rows}
        rows += [(rule, "firing", "told before") for rule in self.firing if rule not in told]
        return html_result(sentence, html_table(("rule", "state", "what was done"), rows))


@dataclass(frozen=True, slots=True)
class _Message:
    rule: str
    state: str
    title: str
    body: str


class AlertManager:
    """Sends one notice for each change of each rule: when it begins to fire, and when it resolves.

    Critical goes to email and Slack, the others to Slack. A channel that fails stops neither the other
    channel nor the next rule; what may still be delivered later is tried again at the next evaluation. Of
    more than 1,000 notices that wait for one channel, the oldest are given up, and told as failed.

    Parameters
    ----------
    alert_system : AlertSystem
        Sends. Any object with its two methods will do.
    log : bool, optional
        Whether each firing becomes a small MLflow run with the parameters ``alert.name`` and
        ``alert.severity``; as the alert system says when not given.
    clock : callable
        Gives the present time.

    Examples
    --------
    >>> from mirante.alerts.rules import AlertRule
    >>> class Printer:
    ...     def send_email_alert(self, subject, message, recipients):
    ...         print("mail:", subject, "|", message)
    ...     def send_slack_alert(self, message):
    ...         print("slack:", message.splitlines()[0])
    >>> manager = AlertManager(Printer(), log=False)
    >>> manager.add_rule(AlertRule("high_cpu", "cpu_percent > 90", "CPU at {cpu_percent}%", "warning"))
    >>> manager.evaluate_rules({"cpu_percent": 97.0}).sent
    slack: Warning: high_cpu
    (Sent(rule='high_cpu', channel='slack', state='firing'),)
    >>> manager.evaluate_rules({"cpu_percent": 98.0}).sent
    ()
    """

    def __init__(
        self,
        alert_system: Sender,
        *,
        log: bool | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.alert_system = alert_system
        self.log = bool(getattr(alert_system, "log", True)) if log is None else log
        self._locale = str(getattr(alert_system, "locale", "en"))
        self._clock = clock
        self._rules: dict[str, AlertRule] = {}
        self._states: dict[str, AlertState] = {}
        self._owed: dict[str, list[_Message]] = {"email": [], "slack": []}

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        """The rules, in the order in which they were added."""
        return tuple(self._rules.values())

    def add_rule(self, rule: AlertRule) -> None:
        """Add a rule.

        Parameters
        ----------
        rule : AlertRule
            With a name that no other rule has.

        Raises
        ------
        ConfigError
            If the name is taken.
        """
        if not isinstance(rule, AlertRule):
            raise ConfigError(f"the rule is a {type(rule).__name__}; give an AlertRule")
        if rule.name in self._rules:
            raise ConfigError(f"there is a rule {rule.name!r} already; give this one a name of its own")
        self._rules[rule.name] = rule
        self._states[rule.name] = AlertState()

    def evaluate_rules(self, metrics: Mapping[str, object]) -> Evaluation:
        """Hold every rule against the metrics, and tell what changed.

        Parameters
        ----------
        metrics : mapping of str to object
            Such as ``SystemMonitor().collect_metrics().__dict__``. A metric that is missing or NaN makes the
            rules that need it unknown, and nothing else.

        Returns
        -------
        Evaluation
            What was sent, what failed, what fires, what could not be judged.

        Raises
        ------
        InputError
            If the metrics are no mapping.
        """
        given: object = metrics
        if not isinstance(given, Mapping):
            got = type(given).__name__
            raise InputError(f"the metrics are a {got}; give a mapping, such as collect_metrics().__dict__")
        unknown: dict[str, str] = {}
        errors: dict[str, str] = {}
        for rule in self._rules.values():
            found = rule.find(metrics)
            if found.error:
                errors[rule.name] = found.error
            elif found.truth is None:
                unknown[rule.name] = ", ".join(found.missing) or "the condition has no answer"
            state, change = advance(self._states[rule.name], rule, found.truth, self._clock(), found.value)
            self._states[rule.name] = state
            if change in ("firing", "resolved"):
                self._tell(rule, str(change), rule.message(metrics, found.value), found.value)
        sent, failed = self._send()
        firing = tuple(name for name, state in self._states.items() if state.phase == "firing")
        return Evaluation(sent, failed, firing, unknown, errors)

    def _tell(self, rule: AlertRule, state: str, text: str, value: float) -> None:
        title = title_of(rule.severity, rule.name, locale=self._locale, resolved=state == "resolved")
        message = _Message(rule.name, state, title, text)
        for channel in ("email", "slack") if rule.severity == "critical" else ("slack",):
            self._owed[channel].append(message)
        if self.log and state == "firing":
            from mirante.tracking.runs import log_params_run

            params = {"alert.name": rule.name, "alert.severity": rule.severity}
            if not math.isnan(value):
                params["alert.value"] = f"{value:g}"
            log_params_run(
                f"alert {rule.name} {uuid.uuid4().hex[:6]}", params, tags={"mirante.kind": "alert"}
            )

    def _send(self) -> tuple[tuple[Sent, ...], tuple[Failure, ...]]:
        busy = [channel for channel, messages in self._owed.items() if messages]
        if not busy:
            return (), ()
        with ThreadPoolExecutor(len(busy), thread_name_prefix="mirante-alert") as pool:
            results = list(pool.map(self._drain, busy))
        sent = tuple(item for result in results for item in result if isinstance(item, Sent))
        failed = tuple(item for result in results for item in result if isinstance(item, Failure))
        return sent, failed

    def _drain(self, channel: str) -> Sequence[Sent | Failure]:
        results: list[Sent | Failure] = []
        again: list[_Message] = []
        down = ""
        for message in self._owed[channel]:
            failure = Failure(message.rule, channel, message.state, down, retry=True) if down else None
            if failure is None:
                failure = self._deliver(channel, message)
                if failure is not None and failure.retry:
                    down = failure.error  # one wait is enough: the rest is told the same, and tried next time
            if failure is not None and failure.retry:
                again.append(message)
            results.append(failure or Sent(message.rule, channel, message.state))
        over = len(again) - _MOST_OWED
        for message in again[: max(over, 0)]:
            told = f"given up, since more than {_MOST_OWED} notices wait: {down}"
            results.append(Failure(message.rule, channel, message.state, told, retry=False))
        self._owed[channel] = again[-_MOST_OWED:]
        return results

    def _deliver(self, channel: str, message: _Message) -> Failure | None:
        try:
            if channel == "email":
                recipients = getattr(self.alert_system, "recipients", None)
                if recipients is None:
                    recipients = getattr(self.alert_system, "config", {}).get("recipients", ())
                self.alert_system.send_email_alert(message.title, message.body, recipients)
            else:
                self.alert_system.send_slack_alert(f"{message.title}\n{message.body}")
        except DeliveryError as error:
            return Failure(message.rule, channel, message.state, error.reason, error.retry)
        except MiranteError as error:
            return Failure(message.rule, channel, message.state, str(error), retry=False)
        except Exception as error:  # a caller's own alert system; it must not stop the other channel or rule
            told = f"{type(error).__name__}: {error}"
            return Failure(message.rule, channel, message.state, told, retry=False)
        return None
