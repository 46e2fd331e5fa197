"""How long no row has come, held against the longest silence of normal times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from mirante.durations import format_duration
from mirante.i18n import translator
from mirante.readings import Reading

__all__ = ["Silence"]

_EVERY = timedelta(minutes=1)


class Silence:
    """Tells the age of the newest row: each minute, and at once when it passes its limit or a row comes.

    Parameters
    ----------
    limit : timedelta or None
        The longest silence that is normal; None where it is not known, and then nothing is an alarm.
    labels : mapping of str to str
        Of the readings.
    locale : str
        Of the sentence.

    Examples
    --------
    >>> from datetime import UTC
    >>> silence = Silence(timedelta(minutes=30), {"model": "churn"})
    >>> newest = datetime(2013, 2, 8, 12, tzinfo=UTC)
    >>> [reading.value for reading in silence.tell(newest, newest + timedelta(hours=1))]
    [3600.0, 1.0]
    """

    def __init__(self, limit: timedelta | None, labels: Mapping[str, str], *, locale: str = "en") -> None:
        self.limit = limit
        self._labels, self._locale = dict(labels), locale
        self._told: tuple[datetime, bool] | None = None

    def tell(self, newest: datetime | None, now: datetime) -> list[Reading]:
        """Return the readings that are due.

        Parameters
        ----------
        newest : datetime, optional
            Event time of the newest row; without any row there is nothing to tell.
        now : datetime
            The present.

        Returns
        -------
        list of Reading
            ``freshness_seconds`` and, where there is a limit, ``freshness_detected``.
        """
        if newest is None:
            return []
        age = max(now - newest, timedelta())
        silent = self.limit is not None and age > self.limit
        if self._told is not None and self._told[1] == silent and timedelta() <= now - self._told[0] < _EVERY:
            return []
        self._told = (now, silent)
        readings = [Reading("freshness_seconds", age.total_seconds(), now, self._labels)]
        if self.limit is not None:
            note = self._sentence(self.limit) if silent else ""
            readings.append(Reading("freshness_detected", float(silent), now, self._labels, note))
        return readings

    def _sentence(self, limit: timedelta) -> str:
        _ = translator(self._locale)
        # not the age: a note that changes each minute would be another one each minute
        return _("No row has come for more than %(limit)s.", limit=format_duration(_rounded(limit)))


def _rounded(limit: timedelta) -> timedelta:
    """Return a limit as people say it: in whole minutes, downward, so that *more than* stays true."""
    return limit // timedelta(minutes=1) * timedelta(minutes=1) or limit
