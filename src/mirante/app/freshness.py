"""For how long each series may be silent before its reading counts as missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from mirante.readings import Reading, subject_of

if TYPE_CHECKING:
    from mirante.app.settings import Settings

__all__ = ["freshness"]

_UNKNOWN_MODEL = timedelta(days=7)


def freshness(
    settings: Settings, models: Mapping[str, timedelta | None]
) -> Callable[[Reading], timedelta | None]:
    """Return what says for how long a reading's series may be silent; None for what is not watched here.

    Parameters
    ----------
    settings : Settings
        For the intervals of hosts, servers and rules.
    models : mapping of str to timedelta or None
        By subject, of models and tables; None for one that is paused.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.app.settings import Settings
    >>> stale_after = freshness(Settings(), {})
    >>> stale_after(Reading("system_cpu_percent", 5.0, datetime(2013, 2, 8, tzinfo=UTC), {"host": "a"}))
    datetime.timedelta(seconds=180)
    """
    # A model that discovery has not come to yet is not passed over meanwhile.
    unknown_model = _UNKNOWN_MODEL if settings.discover else None

    def stale_after(reading: Reading) -> timedelta | None:
        subject = subject_of(reading.labels)
        if subject.startswith("model/"):
            return models.get(subject, unknown_model)
        if subject.startswith("table/"):
            return models.get(subject)
        if reading.name == "mlflow_server_up":
            return 3 * settings.mlflow.interval
        own = subject.startswith("host/")
        return 3 * (settings.host.interval if own else settings.evaluation_interval)

    return stale_after
