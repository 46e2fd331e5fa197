"""A backfill from its plan to its last transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from mirante.app.backfill.covering import check_whole
from mirante.app.backfill.keeping import Keeper, Portion
from mirante.app.backfill.past import PastRun
from mirante.app.backfill.planning import plan_backfill
from mirante.app.backfill.result import Backfilled
from mirante.app.backfill.settled import Settled
from mirante.app.freshness import freshness
from mirante.app.rehearsal import gather_rules
from mirante.app.scheduler import utc_now
from mirante.store import Store

if TYPE_CHECKING:
    from mirante.app.backfill.planning import Plan
    from mirante.app.settings import Settings

__all__ = ["backfill"]

# A portion holds the right to write for less than a second: a service beside it hardly waits.
_MOST_READINGS, _MOST_WINDOWS = 20_000, 50


def backfill(
    settings: Settings,
    model: str,
    since: date,
    until: date,
    *,
    version: str | None = None,
    replace: bool = False,
    clock: Callable[[], datetime] = utc_now,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Backfilled:
    """Judge what a model or a table saw in the past, and keep it as history; nobody is told.

    Windows, readings and alerts are kept. Rules and channels are the config's; rules are held against each
    window when it ends, channels are not asked. Windows are written whole, in portions: after a kill, the
    same call goes on. A second call changes nothing.

    Parameters
    ----------
    settings : Settings
        Checked. The store is made if there is none.
    model : str
        ``churn`` or ``churn@champion``; or the name of a table.
    since, until : date or datetime
        From when to when; a day is one of the monitor's time zone. Windows that are not over are left out.
    version : str, optional
        The version that the alias points to when None.
    replace : bool
        Whether windows that are judged already are judged anew; alerts of an earlier backfill that these
        windows no longer give are taken away.
    clock : callable
        Gives the present.
    progress : callable, optional
        Called with how many windows are done, and how many there are.

    Returns
    -------
    Backfilled
        What was done.

    Raises
    ------
    InputError
        If no such model or table is watched, no window or row lies between the times, or `replace` would
        take a part of a window that retention has made of several.
    ConfigError
        If a rule file is wrong.
    TrackingError
        If MLflow does not answer, has no such version, or the version has no baseline.
    ConflictError
        If rows are deleted from the log meanwhile.
    """
    began, present = time.monotonic(), clock()
    rules = gather_rules([], settings)
    with Store(settings.store_address()) as store:
        plan = plan_backfill(settings, store, model, since, until, version=version, now=present)
        if replace:
            check_whole(store, plan.config.subject, plan.version, plan.span)
        done = Backfilled(plan.config.subject, plan.version, plan.config.timezone, plan.start, plan.end)
        stale_after = freshness(settings, {plan.config.subject: plan.config.stale_after})
        settled = Settled(plan, rules, store, locale=settings.locale)
        if not replace and settled.again(done):
            done.seconds = time.monotonic() - began
            return done
        run = PastRun(plan, rules, store, stale_after, present=present, locale=settings.locale)
        with run:
            keeper = Keeper(plan, store, run.store, done, replace=replace, locale=settings.locale)
            _copy(run, keeper, plan, progress)
        settled.remember(done)
    done.seconds = time.monotonic() - began
    return done


def _copy(run: PastRun, keeper: Keeper, plan: Plan, progress: Callable[[int, int], None]) -> None:
    portion, windows = Portion(plan.start), 0
    for step in run.steps():
        portion.add(step)
        if len(portion.readings) >= _MOST_READINGS or len(portion.starts) >= _MOST_WINDOWS:
            keeper.keep(portion)
            run.forget(portion.now)
            portion = Portion(portion.now)
        windows += step.now <= plan.end and bool(step.starts)
        progress(min(windows, len(plan.windows)), len(plan.windows))
    keeper.keep(portion, last=True)
