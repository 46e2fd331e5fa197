"""One step of all actions: tags, proposals, and what people have approved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from mirante.alerts.actions.config import ActionConfig, ProposeAliasAction, TagAction
from mirante.alerts.actions.proposing import AliasProposer
from mirante.alerts.actions.tags import TagKeeper
from mirante.alerts.actions.told import Told
from mirante.errors import TrackingError
from mirante.tracking.client import brief_requests
from mirante.tracking.registry import answering

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.store import ProposalRow, Store

__all__ = ["ActionRunner", "CarryOut", "carry_out_all"]

_Thing = TypeVar("_Thing")
_Done = TypeVar("_Done")
CarryOut: TypeAlias = "Callable[[Store, MlflowClient, ProposalRow, datetime], ProposalRow]"


class ActionRunner:
    """Holds the registry against the alerts in the store, and does what was approved; beside the rules.

    It reads what the evaluation has written and is never called by it, so a slow MLflow delays no notice.

    Parameters
    ----------
    store : Store
        Alerts, proposals, and what was done so far.
    actions : sequence of ActionConfig
        What is to be done, in order.
    client : callable
        Gives the MLflow client.
    carry_out : mapping of str to callable
        What carries out an approved proposal, by its kind.
    locale : str
        Language of texts and events.
    """

    def __init__(
        self,
        store: Store,
        actions: Sequence[ActionConfig],
        client: Callable[[], MlflowClient],
        carry_out: Mapping[str, CarryOut],
        *,
        locale: str = "en",
    ) -> None:
        self._store, self._client, self._carry_out = store, client, carry_out
        self._told = Told(store)
        tags = [action for action in actions if isinstance(action, TagAction)]
        proposals = [action for action in actions if isinstance(action, ProposeAliasAction)]
        self._tags = TagKeeper(store, tags, self._told, locale=locale)
        self._proposer = AliasProposer(store, proposals, self._told, locale=locale)

    def advance(self, now: datetime) -> None:
        """Do what there is to do.

        Parameters
        ----------
        now : datetime
            The present.

        Raises
        ------
        TrackingError
            If MLflow does not answer. What needs no MLflow was done, the rest waits for the next call.
        """
        # An alert from a replay of the past is no reason to change the registry of today.
        firing = [
            alert
            for alert in self._store.alerts.open()
            if alert.state == "firing" and not alert.historic and {"model", "alias"} <= alert.labels.keys()
        ]
        self._told.forget_all_but({alert.id for alert in firing})
        with _asked_briefly(self._client) as client:
            steps: tuple[Callable[[], object], ...] = (
                lambda: self._tags.advance(firing, client, now),
                lambda: self._proposer.advance(firing, client, now),
                lambda: carry_out_all(self._store, client, self._carry_out, now),
            )
            _each(steps, lambda step: step())


def _each(things: Iterable[_Thing], do: Callable[[_Thing], _Done]) -> list[_Done]:
    """Do something with every one, also after MLflow failed one of them; then raise the first failure."""
    done: list[_Done] = []
    failures: list[TrackingError] = []
    for thing in things:
        try:
            done.append(do(thing))
        except TrackingError as error:  # one that cannot go on holds up no other
            failures.append(error)
    if failures:
        raise failures[0]
    return done


@contextmanager
def _asked_briefly(client: Callable[[], MlflowClient]) -> Iterator[Callable[[], MlflowClient]]:
    """Give a client that is made at the first question, and that gives up early from then on."""
    with ExitStack() as stack:
        made: list[MlflowClient] = []

        def give() -> MlflowClient:
            if not made:
                found = answering(client)
                stack.enter_context(brief_requests())
                made.append(found)
            return made[0]

        yield give


def carry_out_all(
    store: Store,
    client: Callable[[], MlflowClient],
    carry_out: Mapping[str, CarryOut],
    now: datetime,
    *,
    only: str | None = None,
) -> list[ProposalRow]:
    """Carry out what is approved, and undo what is to be undone.

    Parameters
    ----------
    store : Store
        Has the proposals.
    client : callable
        Gives the MLflow client; called only when there is something to do.
    carry_out : mapping of str to callable
        By kind.
    now : datetime
        The present.
    only : str, optional
        Id of the one that is meant; all when None.

    Returns
    -------
    list of ProposalRow
        As they are now, oldest first.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    waiting = reversed(store.proposals.list(states=["approved", "undoing"]))
    meant = [row for row in waiting if row.kind in carry_out and only in (None, row.id)]
    return _each(meant, lambda row: carry_out[row.kind](store, client(), row, now))
