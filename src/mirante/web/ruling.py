"""What holds in the service: the rules as they are now, their routes, and how they are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from mirante.alerts.routing import Route

if TYPE_CHECKING:
    from mirante.alerts.rules import Rule
    from mirante.readings import Reading

__all__ = ["Ruling"]

StaleAfter: TypeAlias = "Callable[[Reading], timedelta | None]"


def _three_minutes(_: Reading) -> timedelta | None:
    return timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What holds in the service: its rules as they are now, and its routes.

    Parameters
    ----------
    rules : callable
        Gives the rules; they may be loaded again while the service runs.
    routes : Route
        Which alert goes where.
    error : callable
        Says why the rules could not be read again; empty when they could.
    stale_after : callable
        Gives what says of a reading for how long its series may be silent.
    interval : timedelta
        From one evaluation to the next.
    """

    rules: Callable[[], Sequence[Rule]] = tuple
    routes: Route = field(default_factory=Route)
    error: Callable[[], str] = str
    stale_after: Callable[[], StaleAfter] = lambda: _three_minutes
    interval: timedelta = timedelta(seconds=15)

    def rule(self, name: str) -> Rule | None:
        """Return the rule of a name as it is now; None when there is none (any more)."""
        return next((rule for rule in self.rules() if rule.name == name), None)
