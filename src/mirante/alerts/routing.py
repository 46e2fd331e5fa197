"""Routes: which channels an alert goes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mirante.alerts.matchers import EVERYTHING, Matchers

__all__ = ["Route"]


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the routing tree, as in Alertmanager.

    Parameters
    ----------
    channels : tuple of str
        Where an alert goes that no inner route takes; an inner route without any has its parent's.
    matchers : Matchers
        What an alert's labels must be; ``rule``, ``severity`` and ``subject`` count as labels too.
    routes : tuple of Route
        Inner routes, tried in order.
    proceed : bool
        Whether the routes after this one are tried too (``continue`` in the config).

    Examples
    --------
    >>> critical = Route(("mail", "slack"), Matchers.of({"severity": "critical"}))
    >>> root = Route(("slack",), routes=(critical,))
    >>> root.channels_for({"severity": "critical"}), root.channels_for({"severity": "info"})
    (('mail', 'slack'), ('slack',))
    """

    channels: tuple[str, ...] = ()
    matchers: Matchers = EVERYTHING
    routes: tuple[Route, ...] = ()
    proceed: bool = False

    def channels_for(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return the channels of an alert, each once.

        Parameters
        ----------
        labels : mapping of str to str
            The alert's labels, with ``rule``, ``severity`` and ``subject``.

        Returns
        -------
        tuple of str
            In the order of the routes. The root takes everything.
        """
        return tuple(dict.fromkeys(self._channels(labels, ())))

    def _channels(self, labels: Mapping[str, str], inherited: tuple[str, ...]) -> tuple[str, ...]:
        own = self.channels or inherited
        found: list[str] = []
        taken = False
        for route in self.routes:
            if route.matchers.accept(labels):
                taken = True
                found += route._channels(labels, own)
                if not route.proceed:
                    break
        return tuple(found) if taken else own

    def all_channels(self) -> set[str]:
        """Return every channel that is named in the tree."""
        return set(self.channels).union(*(route.all_channels() for route in self.routes))
