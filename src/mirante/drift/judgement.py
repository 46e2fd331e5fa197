"""From what the tests found to a verdict: which scale speaks, which columns drifted, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.drift.categorical import LEVELS_PART, LevelOutcome
from mirante.drift.missing import MissingFindings
from mirante.drift.sides import Found, Own, Side
from mirante.drift.verdicts import ColumnVerdict, Finding
from mirante.drift.words import drift_sentence, figure, missing_sentence, share
from mirante.i18n import translator
from mirante.profiles import CategoricalProfile, NumericProfile, TableProfile

__all__ = ["Judgement", "Scale"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """What was found at one scale.

    Parameters
    ----------
    windows : int
        Pooled; 1 for the window itself.
    weight : float
        The scale's part of the level.
    side, own : Side, Own
        What it was held against.
    found : Found
        What the tests found, perhaps at several scales.
    row : int
        Which row of these is this one's.
    outcomes : dict of int to LevelOutcome
        By categorical column, where own windows have a say.
    p_values, effects, rows, raised : ndarray, shape (columns,)
        P-values corrected for the number of scales, KS distances and total variations, numbers of values,
        and what is added to the least effect that matters; numeric columns first.
    """

    windows: int
    weight: float
    side: Side
    own: Own
    found: Found
    row: int
    outcomes: dict[int, LevelOutcome]
    p_values: Floats
    effects: Floats
    rows: Floats
    raised: Floats

    @classmethod
    def of(
        cls,
        side: Side,
        own: Own,
        found: Found,
        scales: Sequence[int],
        weights: Sequence[float],
        outcomes: dict[int, LevelOutcome],
    ) -> list[Scale]:
        """Return the scales of which something was found, all in one go.

        Parameters
        ----------
        side, own, found, outcomes : Side, Own, Found, dict of int to LevelOutcome
            As above; outcomes only where there is one scale.
        scales, weights : sequence
            Windows in each scale, and its part of the level.

        Returns
        -------
        list of Scale
        """
        numbers, categories = found.numbers, found.categories
        p_values = np.concatenate((numbers.p_value, categories.p_value), axis=1)
        for column, outcome in outcomes.items():
            p_values[0, numbers.n.shape[1] + column] = outcome.p_value
        p_values /= np.array(weights)[:, None]
        effects = np.concatenate((numbers.distance, categories.distance), axis=1)
        rows = np.concatenate((numbers.n, categories.n), axis=1)
        raised = _raised(side.numeric.reference.n, numbers.n, categories.n.shape[1])
        return [
            cls(scale, weight, side, own, found, row, outcomes, *one)
            for row, (scale, weight, *one) in enumerate(
                zip(scales, weights, p_values, effects, rows, raised, strict=True)
            )
        ]


def _raised(m: Floats, n: Floats, categorical: int) -> Floats:
    """Return what is added to the least effects that matter; shape (scales, columns).

    Where there are more rows than the baseline has, what is left of a distance's error is the baseline's,
    which is the same in every window. It must not carry a small effect over the floor again and again, so
    the floor rises by two of its standard errors, √(1/m - 1/n) at most.
    """
    raised = np.zeros((len(n), m.size + categorical))
    if (n > m).any():
        over = 1.0 / np.maximum(m, 1.0) - 1.0 / np.maximum(n, 1.0)
        raised[:, : m.size] = np.sqrt(np.maximum(over, 0.0))
    return raised


class Judgement:
    """All that was found in a window, and the verdicts that follow.

    Parameters
    ----------
    window : TableProfile
        What was judged.
    scales : list of Scale
        The window itself first.
    scores : dict of str to ndarray
        Of the window itself.
    missing : MissingFindings
        Of the window itself.
    drift_level, floor : ndarray, shape (columns,)
        False-alarm level of each column's drift, and the least effect that matters; numeric columns first.
    locale : str
        Of the sentences.
    """

    def __init__(
        self,
        window: TableProfile,
        scales: list[Scale],
        scores: dict[str, Floats],
        missing: MissingFindings,
        drift_level: Floats,
        floor: Floats,
        locale: str = "en",
    ) -> None:
        self.locale = locale
        self.window, self.scales, self.scores = window, scales, scores
        self.missing, self.drift_level = missing, drift_level
        layout = window.layout
        self._thresholds = np.empty(0)
        self.names = (*layout.numeric, *layout.categorical)
        self.place = {name: place for place, name in enumerate(self.names)}
        p_values = np.array([scale.p_values for scale in scales])
        effects = np.array([scale.effects for scale in scales])
        floors = floor + np.array([scale.raised for scale in scales])
        alarms = (p_values <= drift_level) & (effects > floors)
        self.alone = alarms[0]  # by the window itself
        self.drifted: NDArray[np.bool_] = np.logical_or.reduce(alarms, axis=0)
        best = np.where(alarms, p_values, np.inf).argmin(axis=0)
        self.best = np.where(self.drifted, best, 0)
        self.p_values, self.effects, self.floors = p_values, effects, floors

    def drifted_columns(self) -> tuple[str, ...]:
        """Return the columns that drifted, in the baseline's order."""
        return self._named(self.drifted)

    def missing_columns(self) -> tuple[str, ...]:
        """Return the columns whose missing values alarm, in the baseline's order."""
        return self._named(self.missing.detected)

    def strongest(self) -> tuple[str, float]:
        """Return the column that moved furthest, drifted ones before others, and how far."""
        effects = self.effects[self.best, np.arange(len(self.names))]
        found = np.where(np.isnan(effects), -1.0, effects)
        if not found.size or found.max() < 0.0:
            return "", float("nan")
        place = int((found + self.drifted).argmax())  # no effect is beyond 1
        return self.names[place], float(effects[place])

    def _floor(self, place: int) -> float:
        return float(self.floors[self.best[place], place])

    def _named(self, flags: NDArray[np.bool_]) -> tuple[str, ...]:
        if not flags.any():
            return ()
        return tuple(name for name in self.window.layout.names if flags[self.place[name]])

    def columns(self) -> dict[str, ColumnVerdict]:
        """Return the verdict of each column, in the baseline's order."""
        self._thresholds = self.missing.thresholds()
        profiles = self.scales[0].side.profile.columns
        return {name: self._column(name, profiles[name], self.window.columns[name]) for name in profiles}

    def _column(
        self, name: str, base: NumericProfile | CategoricalProfile, now: NumericProfile | CategoricalProfile
    ) -> ColumnVerdict:
        place = self.place[name]
        scale = self.scales[int(self.best[place])]
        drifted, floor = bool(self.drifted[place]), self._floor(place)
        numbers = len(self.window.layout.numeric)
        n, m = int(scale.rows[place]), base.n if scale.windows == 1 else scale.side.profile.columns[name].n
        if not (n and m):
            finding = _nothing()
        elif isinstance(now, NumericProfile) and isinstance(base, NumericProfile):
            finding = self._numeric(scale, place, base, now)
        else:
            finding = self._categorical(scale, place, place - numbers, base, now)  # type: ignore[arg-type]  # of one kind
        odd = now.unreadable if isinstance(now, NumericProfile) else 0
        found = self.missing
        ratio, usual, threshold, p_missing = (
            float(part[place])
            for part in (found.ratio, found.reference.usual, self._thresholds, found.p_value)
        )
        return ColumnVerdict(
            column=name,
            kind="numeric" if place < numbers else "categorical",
            drifted=drifted,
            level=float(self.drift_level[place]),
            scale=scale.windows,
            score=finding.score,
            value=finding.value,
            threshold=finding.threshold,
            p_value=finding.p_value,
            effect=finding.effect,
            direction=finding.direction,
            n_baseline=m,
            n_window=n,
            smallest_effect=finding.smallest_effect,
            scores=self._scores(name, drifted, finding),
            missing_ratio=ratio,
            missing_threshold=threshold,
            missing_detected=bool(found.detected[place]),
            new_category_ratio=_new_share(base, now),
            sentence=drift_sentence(
                name, finding, drifted=drifted, floor=floor, rows=(n, m), locale=self.locale
            ),
            missing_sentence=missing_sentence(
                name,
                ratio,
                usual,
                threshold,
                p_missing,
                detected=bool(found.detected[place]),
                rows=self.window.rows,
                unreadable=odd,
                locale=self.locale,
            ),
        )

    def _scores(self, name: str, drifted: bool, finding: Finding) -> dict[str, float]:
        place, single = self.place[name], self.scales[0]
        numbers = len(self.window.layout.numeric)
        if not (single.rows[place] and finding.score):
            return {"detected": float(drifted)}
        kinds = ("psi", "jensenshannon", "hellinger", "total_variation")
        scores = {kind: float(self.scores[kind][place]) for kind in kinds}
        if place < numbers:
            scores |= {
                "ks": float(self.effects[0, place]),
                "wasserstein": float(self.scores["wasserstein"][place]),
            }
        else:
            scores |= {"l_infinity": float(self.scores["l_infinity"][place])}
            scores |= {"chi2": float(single.found.categories.chi2[single.row, place - numbers])}
        return scores | {"p_value": finding.p_value, "effect": finding.effect, "detected": float(drifted)}

    def _numeric(self, scale: Scale, place: int, base: NumericProfile, now: NumericProfile) -> Finding:
        tests, found, row = scale.side.numeric, scale.found.numbers, scale.row
        floor, level = self._floor(place), self.drift_level[: found.n.shape[1]] * scale.weight
        n = found.n[row]
        limits, alone = tests.limit(n, scale.found.variance[row], level, scale.own.numeric)
        limit, resolution = float(limits[place]), float(alone[place])
        value, threshold, score = float(found.distance[row, place]), max(limit, floor), "ks"
        if value <= threshold and self.drifted[place]:  # the rank test speaks
            width = tests.rank_limit(n, scale.found.variance[row], level, scale.own.numeric)
            score, value = "superiority", float(found.above[row, place])
            threshold = 0.5 + float(np.copysign(width[place], value - 0.5))
        effect = float(found.distance[row, place])
        return Finding(
            score=score,
            value=value,
            threshold=threshold,
            p_value=min(1.0, float(self.p_values[int(self.best[place]), place])),
            effect=effect,
            smallest_effect=max(limit, floor),
            resolution=max(resolution, floor),
            direction=_numeric_direction(base, now, self.locale),
            scale=scale.windows,
            subject=share(value),
        )

    def _categorical(
        self, scale: Scale, place: int, column: int, base: CategoricalProfile, now: CategoricalProfile
    ) -> Finding:
        tests, found, row = scale.side.categorical, scale.found.categories, scale.row
        floor, level = self._floor(place), float(self.drift_level[place]) * scale.weight
        distance = float(found.distance[row, column])
        common = level * float(found.common[row, column])
        freedom, n = float(found.freedom[row, column]), float(found.n[row, column])
        limit = tests.limit(freedom, common)
        score, value, threshold, subject = "chi2", float(found.chi2[row, column]), limit, ""
        resolution = tests.resolution(n, column, limit)
        smallest = resolution
        if column in scale.outcomes:
            told = scale.outcomes[column]
            score, value, threshold, subject = told.score, told.value, told.threshold, told.subject
            resolution = tests.resolution(n, column, tests.limit(freedom, common * (1.0 - LEVELS_PART)))
            smallest = max(told.limit, resolution)
        elif value <= limit and self.drifted[place]:  # rare levels speak, and χ² does not see them
            score, value, threshold = "total_variation", distance, floor
        return Finding(
            score=score,
            value=value,
            threshold=threshold,
            p_value=min(1.0, float(self.p_values[int(self.best[place]), place])),
            effect=distance,
            smallest_effect=max(smallest, floor),
            resolution=max(resolution, floor),
            direction=_categorical_direction(base, now, self.locale),
            scale=scale.windows,
            subject=subject,
        )


def _nothing() -> Finding:
    nan = float("nan")
    return Finding("", nan, nan, nan, nan, nan, nan, "")


def _numeric_direction(base: NumericProfile, now: NumericProfile, locale: str) -> str:
    _ = translator(locale)
    then, window = base.moments, now.moments
    unit = then.std if then.std > 0 else 0.0
    pairs = (
        (_("median"), base.quantile(0.5), now.quantile(0.5)),
        (_("mean"), then.mean, window.mean),
        (_("standard deviation"), then.std, window.std),
    )
    for name, before, after in pairs:
        if abs(after - before) > 0.05 * unit and figure(before) != figure(after):
            return f"{name} {figure(before, locale)} -> {figure(after, locale)}"
    return f"{pairs[0][0]} {figure(pairs[0][1], locale)} -> {figure(pairs[0][2], locale)}"


def _categorical_direction(base: CategoricalProfile, now: CategoricalProfile, locale: str) -> str:
    _ = translator(locale)
    before, after = (np.append(one.counts, one.other) / max(one.n, 1) for one in (base, now))
    place = int(np.argmax(np.abs(after - before)))
    names = (*base.levels, _("other levels") if base.other else _("new levels"))
    name = names[place]
    return f"{name}: {share(before[place], locale)} -> {share(after[place], locale)}"


def _new_share(base: NumericProfile | CategoricalProfile, now: NumericProfile | CategoricalProfile) -> float:
    if not isinstance(now, CategoricalProfile) or not isinstance(base, CategoricalProfile) or not now.n:
        return 0.0
    known = base.other / base.n if base.n else 0.0
    return max(0.0, now.other / now.n - known)
