"""What agents on other hosts are to count of a model: its versions that are watched, with their baselines."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.drift.monitor import DriftMonitor
from mirante.monitors.slices.counting import signature
from mirante.monitors.slices.sending import OFFERED_SLICES, offer_slices
from mirante.profiles import TableProfile
from mirante.store import JobRow

if TYPE_CHECKING:
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.model import ModelMonitor
    from mirante.store import Store

__all__ = ["Offers", "forget_unwatched"]

# no sample: its rows stay here
_COUNTED = ("baseline.json", "profile.bin", "drift.bin", "outliers.bin", "estimated.bin")


class Offers:
    """Keeps in the store what agents are to count, once there is an agent.

    Parameters
    ----------
    config : ModelConfig
        The model.
    store : Store
        Where any service can read it.
    """

    def __init__(self, config: ModelConfig, store: Store) -> None:
        self._config, self._store = config, store
        self._offered: dict[str, ModelBaseline] | None = None

    def settle(self, monitors: Sequence[ModelMonitor]) -> None:
        """Offer the versions of these monitors, and take all others back.

        Parameters
        ----------
        monitors : sequence of ModelMonitor
            Those at work; without any, all stays as it is.
        """
        if not monitors or (self._offered is None and not self._store.agents.list()):
            return  # without any, MLflow is away: what was offered before holds
        wanted = {monitor.version: monitor for monitor in monitors}
        known = {} if self._offered is None else self._offered
        here = {version: monitor.baseline for version, monitor in wanted.items()}
        if self._offered is not None and _same(known, here):
            return
        rows = [
            self._row(monitor)
            for version, monitor in wanted.items()
            if known.get(version) is not monitor.baseline
        ]
        with self._store.transaction() as connection:
            self._store.agents.withdraw(self._config.subject, keep=wanted, connection=connection)
            for row in rows:
                self._store.agents.offer(row, connection=connection)
        self._offered = here

    def _row(self, monitor: ModelMonitor) -> JobRow:
        config, files = self._config, monitor.baseline.to_files()
        # agents judge nothing, and of a wide model its windows would be more than they take
        files["drift.bin"] = DriftMonitor(TableProfile.of({}), window=config.window).to_bytes()
        counted = {name: base64.b64encode(files[name]).decode() for name in _COUNTED if name in files}
        # of what decides how rows are counted: a detector that is packed again has other bytes, and so has an
        # estimator, of which there is one for each baseline.json
        deciding = files["profile.bin"] + files["baseline.json"]
        deciding += b"estimated" if "estimated.bin" in files else b""
        if monitor.slices.slices:
            counted[OFFERED_SLICES] = base64.b64encode(offer_slices(monitor.slices)).decode()
            deciding += signature(monitor.slices).encode()
        digest = hashlib.blake2b(deciding, digest_size=16).hexdigest()
        since = monitor.judged_until
        about: dict[str, Any] = {
            "model": config.model,
            "window": config.window,
            "timezone": config.timezone,
            "lateness": config.lateness.total_seconds(),
            "since": None if since is None else since.isoformat(),
        }
        return JobRow(config.subject, monitor.version, digest, about, json.dumps(counted).encode())


def forget_unwatched(store: Store, subjects: Collection[str] | None, now: datetime) -> None:
    """Take back what is offered of models that nobody watches, and let go of what agents sent long ago.

    Parameters
    ----------
    store : Store
        Where it is.
    subjects : collection of str, optional
        The models that are watched; None where more may be found.
    now : datetime
        The present.
    """
    offered = {job.subject for job in store.agents.jobs()}
    for subject in offered.difference(offered if subjects is None else subjects):
        store.agents.withdraw(subject, keep=())
    store.agents.prune(now)


def _same(some: Mapping[str, ModelBaseline], others: Mapping[str, ModelBaseline]) -> bool:
    return some.keys() == others.keys() and all(some[version] is others[version] for version in some)
