"""A window held against the limits of its baseline: findings, their sentences and readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.drift.words import figure, share
from mirante.i18n import translator
from mirante.monitors.limits.learning import QualityLimits, outside
from mirante.monitors.limits.share import Judged
from mirante.profiles import CategoricalProfile, NumericProfile
from mirante.readings import Reading

if TYPE_CHECKING:
    from mirante.i18n import Translator
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.limits.duplicates import DistinctRows
    from mirante.profiles import TableProfile

__all__ = ["LimitFinding", "LimitsJudge", "limit_readings"]

_FLOOR = 0.01  # one row in a hundred, as for missing values
# the numbers that have no reading of their own elsewhere
_RATIOS = {"out_of_range": "out_of_range_ratio", "duplicates": "duplicate_ratio"}


@dataclass(frozen=True, slots=True)
class LimitFinding:
    """One number of a window and its limit.

    Parameters
    ----------
    limit : {"out_of_range", "new_category", "duplicates", "row_count"}
        Which.
    column : str
        Empty for those of whole rows.
    judged : Judged
        The number and what normal windows keep to.
    sentence : str
        What is wrong; empty where nothing is.
    """

    limit: str
    column: str
    judged: Judged
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return what a window's verdicts keep of a finding that is beyond its limit."""
        return {
            "limit": self.limit,
            "column": self.column,
            "value": self.judged.value,
            "sentence": self.sentence,
        }


class LimitsJudge:
    """Holds windows against the limits of one baseline.

    Parameters
    ----------
    baseline : ModelBaseline
        Sets the limits.
    level : float
        False-alarm level of a window, shared by all its limits.
    kinds : sequence of str
        Which limits are judged.
    locale : str
        Of the sentences.
    """

    def __init__(
        self, baseline: ModelBaseline, level: float, kinds: Sequence[str], *, locale: str = "en"
    ) -> None:
        self.limits = QualityLimits.learn(baseline.drift, baseline.about)
        self._profile = baseline.profile
        self._level = level / max(self.limits.tests, 1)
        self._kinds = frozenset(kinds)
        self._locale = locale

    def judge(
        self, profile: TableProfile, start: datetime, *, rows: int, distinct: DistinctRows | None
    ) -> list[LimitFinding]:
        """Judge a window.

        Parameters
        ----------
        profile : TableProfile
            Counted at the baseline's edges.
        start : datetime
            When it began, on the monitor's clock.
        rows : int
            Predictions in it, also those not recorded.
        distinct : DistinctRows, optional
            Its rows by hash; None where they are not known.

        Returns
        -------
        list of LimitFinding
            Also of numbers within their limits.
        """
        found = []
        for limit, column, judged in self._numbers(profile, start, rows, distinct):
            if limit in self._kinds:
                sentence = self._sentence(limit, column, judged) if judged.beyond else ""
                found.append(LimitFinding(limit, column, judged, sentence))
        return found

    def _numbers(
        self, profile: TableProfile, start: datetime, rows: int, distinct: DistinctRows | None
    ) -> Iterator[tuple[str, str, Judged]]:
        limits, level = self.limits, self._level
        if profile.rows:
            for name, column in profile.columns.items():
                normal = self._profile.columns[name]
                if isinstance(column, NumericProfile) and isinstance(normal, NumericProfile):
                    hits = outside(column, normal.minimum, normal.maximum) if normal.n else 0
                    judged = limits.ranges[name].judge(hits, column.n, level=level, floor=_FLOOR)
                    yield "out_of_range", name, judged
                elif isinstance(column, CategoricalProfile):
                    limit = limits.categories[name]
                    yield "new_category", name, limit.judge(column.other, column.n, level=level, floor=_FLOOR)
        if limits.copies is not None and distinct is not None and distinct.rows:
            judged = limits.copies.judge(distinct.copies, distinct.rows, level=level, floor=_FLOOR)
            yield "duplicates", "", judged
        if limits.volume is not None:
            yield "row_count", "", limits.volume.judge(rows, start, level=level)

    def _sentence(self, limit: str, column: str, judged: Judged) -> str:
        _ = translator(self._locale)
        if limit == "row_count":
            return self._rows_sentence(judged, _)
        told = {
            "column": column,
            "value": share(judged.value, self._locale),
            "limit": share(judged.upper, self._locale),
        }
        if limit == "out_of_range":
            normal = self._profile.columns[column]
            assert isinstance(normal, NumericProfile)  # noqa: S101  # only these have ranges
            ends = {"low": figure(normal.minimum, _.locale), "high": figure(normal.maximum, _.locale)}
            return _(
                "%(value)s of %(column)s lies outside %(low)s to %(high)s, "
                "the range of the baseline (limit %(limit)s).",
                **told,
                **ends,
            )
        if limit == "new_category":
            return _(
                "%(value)s of %(column)s are categories that the baseline does not have (limit %(limit)s).",
                **told,
            )
        return _(
            "%(value)s of the rows are copies of another of the same window (limit %(limit)s).",
            value=told["value"],
            limit=told["limit"],
        )

    def _rows_sentence(self, judged: Judged, _: Translator) -> str:
        return _(
            "%(value)s rows came; normal windows of this kind have %(low)s to %(high)s.",
            value=figure(judged.value, _.locale),
            low=figure(round(judged.lower), _.locale),
            high=figure(round(judged.upper), _.locale),
        )


def limit_readings(
    found: Sequence[LimitFinding], start: datetime, labels: Mapping[str, str]
) -> list[Reading]:
    """Return the readings of findings.

    Parameters
    ----------
    found : sequence of LimitFinding
        Of one window.
    start : datetime
        Of the window.
    labels : mapping of str to str
        Model, alias, version.

    Returns
    -------
    list of Reading
        ``<limit>_detected``, whose note is the sentence, and ``out_of_range_ratio`` and ``duplicate_ratio``;
        the other numbers have readings already. Numbers that are not known (NaN) give none.
    """
    readings = []
    for one in found:
        if one.judged.value != one.judged.value:
            continue
        about = {**labels, "feature": one.column} if one.column else dict(labels)
        if one.limit in _RATIOS:
            readings.append(Reading(_RATIOS[one.limit], one.judged.value, start, about))
        readings.append(
            Reading(f"{one.limit}_detected", float(one.judged.beyond), start, about, one.sentence)
        )
    return readings
