"""The part of the config about actions: what is done to a model while alerts of some kind fire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mirante.alerts.fields import Match
from mirante.alerts.matchers import Matchers

__all__ = ["ActionConfig", "ProposeAliasAction", "TagAction"]


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Match = Field(default_factory=dict)
    dry_run: bool = True

    def accepts(self, labels: Mapping[str, str]) -> bool:
        """Say whether an alert is one of those that the action is about.

        Parameters
        ----------
        labels : mapping of str to str
            As routes see them: the alert's labels with ``rule``, ``severity`` and ``subject``.
        """
        return Matchers.of(self.match).accept(labels)


class TagAction(_Action):
    """The tag ``mirante.state`` on a model version while an alert about it fires.

    Parameters
    ----------
    match : mapping of str to str
        Which alerts, as in a route.
    dry_run : bool
        Whether only an event says what would have been done.
    value : str
        What the tag says.

    Examples
    --------
    >>> TagAction(do="tag", match={"rule": "feature_drift"}).accepts({"rule": "feature_drift"})
    True
    """

    do: Literal["tag"]
    value: Annotated[str, Field(min_length=1, max_length=200)] = "drifting"


class ProposeAliasAction(_Action):
    """A proposal to move the alias back to the version before; a person decides.

    Parameters
    ----------
    match : mapping of str to str
        Which alerts, as in a route.
    dry_run : bool
        Whether only an event says what would have been proposed.

    Examples
    --------
    >>> ProposeAliasAction(do="propose_alias").dry_run
    True
    """

    do: Literal["propose_alias"]


ActionConfig = Annotated[TagAction | ProposeAliasAction, Field(discriminator="do")]
