"""Proposes to move an alias back while alerts say that its version does badly; a person decides."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.alerts.actions.deciding import record
from mirante.alerts.actions.figures import figures_of
from mirante.alerts.actions.told import Told
from mirante.alerts.actions.words import proposal_lines
from mirante.alerts.grouping import routing_labels
from mirante.i18n import translator
from mirante.store import EventRow, ProposalRow
from mirante.store.proposals import MOVE_ALIAS
from mirante.tracking.registry import alias_version, finished_version_before, version_exists

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.alerts.actions.config import ProposeAliasAction
    from mirante.store import AlertRow, Store

__all__ = ["AliasProposer"]


class AliasProposer:
    """Holds proposals against the alerts that fire, at each call anew.

    There is one open proposal of a subject at most. When its alerts are over, or the alias has been moved, it
    is withdrawn: it stays in the list and says why, and cannot be approved any more. Once a person has
    decided, no other one is made while an alert of the first still fires.

    Parameters
    ----------
    store : Store
        Has the proposals, and the readings that they show.
    actions : sequence of ProposeAliasAction
        Which alerts are a reason.
    told : Told
        Remembers what was said of a dry run, or of a version that has none before it.
    locale : str
        Language of texts and events.
    new_id : callable
        Makes the ids.
    """

    def __init__(
        self,
        store: Store,
        actions: Sequence[ProposeAliasAction],
        told: Told,
        *,
        locale: str = "en",
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._store, self._actions, self._told = store, actions, told
        self._locale, self._words = locale, translator(locale)
        self._new_id = new_id

    def advance(self, firing: Sequence[AlertRow], client: Callable[[], MlflowClient], now: datetime) -> None:
        """Withdraw proposals whose reason is gone, and make those that there is a reason for.

        Parameters
        ----------
        firing : sequence of AlertRow
            All alerts about models that fire.
        client : callable
            Gives the MLflow client; called only when there is something to ask.
        now : datetime
            The present.

        Raises
        ------
        TrackingError
            If MLflow does not answer; the next call tries again.
        """
        self._withdraw_without_alert({alert.id for alert in firing}, now)
        by_subject: dict[tuple[str, bool], list[AlertRow]] = defaultdict(list)
        for alert in firing:
            matching = [action for action in self._actions if action.accepts(routing_labels(alert))]
            if matching:
                by_subject[alert.subject, all(action.dry_run for action in matching)].append(alert)
        for (_subject, dry_run), alerts in by_subject.items():
            self._consider(alerts, client, now, dry_run=dry_run)

    def _withdraw_without_alert(self, firing: set[str], now: datetime) -> None:
        _ = self._words
        for row in self._store.proposals.list(states=["open"]):
            if row.kind == MOVE_ALIAS and not firing & set(row.data["alerts"]):
                self._withdraw(row, _("Withdrawn: the alerts behind it are over."), now)

    def _withdraw(self, row: ProposalRow, why: str, now: datetime) -> None:
        gone = replace(row, state="withdrawn", decided_at=now, data={**row.data, "problem": why})
        record(self._store, gone, "open", "proposal_withdrawn", why)

    def _consider(
        self,
        alerts: Sequence[AlertRow],
        client: Callable[[], MlflowClient],
        now: datetime,
        *,
        dry_run: bool,
    ) -> None:
        _ = self._words
        subject, labels = alerts[0].subject, alerts[0].labels
        ids = [alert.id for alert in alerts]
        earlier = [row for row in self._store.proposals.list(subject=subject) if row.kind == MOVE_ALIAS]
        standing = next((row for row in earlier if row.state == "open"), None)
        if standing is None and any(set(ids) & set(row.data["alerts"]) for row in earlier):
            return
        if standing is None and dry_run and self._told.said("proposal", ids):
            return  # MLflow is not asked for what would be said a second time
        current = alias_version(client(), labels["model"], labels["alias"])
        if standing is not None:
            self._keep(standing, alerts, current, now)
            return
        about = {alert.labels["version"] for alert in alerts if "version" in alert.labels}
        if current is None or (about and current not in about):
            return  # the alerts are about a version that the alias has left
        previous = self._previous(client(), subject, labels["model"], current, earlier)
        if previous is None:
            text = _("nothing to propose: no earlier version than %(version)s will do", version=current)
            data: dict[str, Any] = {"alerts": ids, "version": current}
            event = EventRow(subject, now, "action_failed", text, data)
            self._told.say("no earlier version", ids, event)
            return
        row = self._proposal(alerts, current, previous, now)
        if dry_run:
            text = _("dry run: would propose: %(text)s", text=proposal_lines(row, self._locale)[0])
            event = EventRow(subject, now, "action_dry_run", text, {**row.data, "alert": row.alert_id})
            self._told.say("proposal", ids, event)
        else:
            self._add(row)

    def _keep(
        self, standing: ProposalRow, alerts: Sequence[AlertRow], current: str | None, now: datetime
    ) -> None:
        """Let further alerts join a proposal that stands; withdraw it when the alias has been moved."""
        _ = self._words
        if current != standing.data["from"]:
            self._withdraw(standing, _("Withdrawn: the alias has been moved meanwhile."), now)
            return
        known = standing.data["alerts"]
        joined = [alert.id for alert in alerts if alert.id not in known]
        if joined:
            rules = sorted({*standing.data["rules"], *(alert.rule for alert in alerts)})
            data = {**standing.data, "alerts": [*known, *joined], "rules": rules}
            wider = replace(standing, data=data)
            self._store.proposals.move(
                replace(wider, text="\n".join(proposal_lines(wider, self._locale))), was="open"
            )

    def _previous(
        self, client: MlflowClient, subject: str, model: str, current: str, earlier: Sequence[ProposalRow]
    ) -> str | None:
        """Return the version that the alias had before, else the newest lower one that has a finished run."""
        # A version that the alias was taken back from is no way back.
        left = {row.data["from"] for row in earlier if row.state == "done"} | {current}
        for event in reversed(self._store.events.list(subject, kinds=["alias_moved"])):
            before = str(event.data.get("from", ""))
            if event.data.get("to") == current and before not in left:
                if version_exists(client, model, before):
                    return before
                break
        return finished_version_before(client, model, current, but=left)

    def _proposal(
        self, alerts: Sequence[AlertRow], current: str, previous: str, now: datetime
    ) -> ProposalRow:
        first = alerts[0]
        data: dict[str, Any] = {
            "model": first.labels["model"],
            "alias": first.labels["alias"],
            "from": current,
            "to": previous,
            "alerts": [alert.id for alert in alerts],
            "rules": sorted({alert.rule for alert in alerts}),
            "performance": {
                version: figures_of(self._store, first.subject, version) for version in (current, previous)
            },
        }
        row = ProposalRow(self._new_id(), MOVE_ALIAS, first.subject, "open", now, first.id, data=data)
        return replace(row, text="\n".join(proposal_lines(row, self._locale)))

    def _add(self, row: ProposalRow) -> None:
        event = EventRow(
            row.subject,
            row.created_at,
            "alias_proposed",
            proposal_lines(row, self._locale)[0],
            {"proposal": row.id, "alerts": row.data["alerts"], "author": "mirante"},
        )
        with self._store.transaction() as connection:
            known = self._store.proposals.list(subject=row.subject, states=["open"], connection=connection)
            if all(other.kind != row.kind for other in known):  # two services: the other one was quicker
                self._store.proposals.add(row, connection=connection)
                self._store.events.add(event, connection=connection)
