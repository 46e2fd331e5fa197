"""The judge of a numeric column: KS and Mann-Whitney from the counts, and the baseline's own windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mirante.drift.verdicts import Finding
from mirante.drift.words import figure, share
from mirante.profiles.numeric import NumericProfile
from mirante.stats.distances import hellinger, jensenshannon, psi, total_variation, wasserstein_binned
from mirante.stats.histograms import cells
from mirante.stats.spread import (
    LEAST_WINDOWS,
    DistanceSpread,
    Spread,
    distance_spread,
    spread_of,
    student_limit,
    student_p,
)
from mirante.stats.twosample import (
    kolmogorov_limit,
    kolmogorov_p,
    ks_distance,
    rank_skew,
    skew_corrected,
    superiority,
    tie_variance,
)

__all__ = ["NumericJudge"]

# Parts of a column's level. Among independent rows the rank test sees small shifts that KS is slow to see;
# among windows that differ both lean on the same few own windows, and neither is the sharper.
_INDEPENDENT, _BY_WINDOWS = (0.25, 0.75), (0.5, 0.5)
_KS_UNIT = np.pi**2 / 12  # mean square of Kolmogorov's law

Floats = NDArray[np.float64]


class NumericJudge:
    """Holds a window's counts against a baseline's.

    Two tests share the column's level: KS (a quarter; a half with own windows), for a change of any shape,
    and Mann-Whitney for a shift. A window counts for no more rows than the baseline has, since the
    baseline's own sampling error is the same in all windows. With 7 or more own windows each test must also
    hold against the spread between them: the mean rank by a variance component and Student's t, the KS
    distance against the own windows' KS distances from the rest of the baseline (see
    `mirante.stats.spread`). The latter goes beyond mean ranks: days that differ in anything but location
    would otherwise alarm through KS.

    Parameters
    ----------
    baseline : NumericProfile
        With at least one value.
    own : sequence of NumericProfile
        The baseline's own windows, counted with it; may be empty.
    """

    def __init__(self, baseline: NumericProfile, own: Sequence[NumericProfile]) -> None:
        self.baseline = baseline
        self._running = cells(baseline.below, baseline.upto, baseline.n)
        self._mass = np.diff(self._running, prepend=0)
        self._bins = _decile_edges(baseline)
        self._reference_bins = _binned(baseline, self._bins)
        self._ks_spread, self._rank_spread, self._rank_centre = self._own(own)
        self._ks_share, self._rank_share = _INDEPENDENT if self._ks_spread is None else _BY_WINDOWS

    def _own(self, own: Sequence[NumericProfile]) -> tuple[DistanceSpread | None, Spread, float]:
        m = self.baseline.n
        usable = [one for one in own if 0 < one.n < m]
        running = [cells(one.below, one.upto, one.n) for one in usable]
        if len(usable) < LEAST_WINDOWS:
            return None, Spread(0, np.zeros(())), 0.0
        distances = [ks_distance(self._running - part, part) for part in running]
        ranks = [superiority(self._mass, np.diff(part, prepend=0)) - 0.5 for part in running]
        rows = np.array([one.n for one in usable], np.float64)
        spread = spread_of(ranks, tie_variance(self._mass) / rows)
        return distance_spread(distances, rows, m, _KS_UNIT), spread, float(np.mean(ranks))

    def judge(self, window: NumericProfile, level: float, floor: float) -> Finding:
        """Return what the tests find in a window.

        Parameters
        ----------
        window : NumericProfile
            Counted with the baseline, at least one value.
        level : float
            False-alarm level of the column.
        floor : float
            Least KS distance that matters.

        Returns
        -------
        Finding
        """
        m, n = self.baseline.n, window.n
        trusted = min(m, n)
        running = cells(window.below, window.upto, n)
        distance = ks_distance(self._running, running)
        p_ks = kolmogorov_p(distance, m, trusted)
        resolution = kolmogorov_limit(level * self._ks_share, m, trusted)
        limit = resolution
        if self._ks_spread is not None:
            p_ks = max(p_ks, self._ks_spread.p_value(distance, trusted, m))
            limit = max(limit, self._ks_spread.limit(level * self._ks_share, trusted, m))
        above, above_limit, p_rank = self._ranks(np.diff(running, prepend=0), n, level)
        p_value = min(1.0, p_ks / self._ks_share, p_rank / self._rank_share)
        by_rank = p_ks > level * self._ks_share and p_rank <= level * self._rank_share and distance > floor
        score, value, threshold = (
            ("superiority", above, above_limit) if by_rank else ("ks", distance, max(limit, floor))
        )
        scores = {"ks": distance, **self._scores(window), "p_value": p_value, "effect": distance}
        return Finding(
            score=score,
            value=value,
            threshold=threshold,
            p_value=p_value,
            effect=distance,
            smallest_effect=max(limit, floor),
            resolution=max(resolution, floor),
            direction=self._direction(window),
            scores=scores,
            subject=share(above),
        )

    def _ranks(self, mass: NDArray[np.int64], n: int, level: float) -> tuple[float, float, float]:
        """Return superiority, its limit on the side where it lies, and the p-value."""
        m = self.baseline.n
        above = superiority(self._mass, mass)
        unit = tie_variance(self._mass + mass)
        if unit <= 0.0:
            return 0.5, 1.0, 1.0
        error, freedom = self._rank_spread.error(unit / min(n, m), unit / m)
        shift = above - 0.5 - self._rank_centre
        z = skew_corrected(shift / float(error), rank_skew(self._mass + mass), m, n)
        side = float(np.copysign(student_limit(level * self._rank_share, error, freedom), shift))
        return above, 0.5 + self._rank_centre + side, float(student_p(z, 1.0, freedom))

    def _scores(self, window: NumericProfile) -> dict[str, float]:
        counts = _binned(window, self._bins)
        return {
            "wasserstein": _wasserstein(self.baseline, window),
            "psi": psi(self._reference_bins, counts),
            "jensenshannon": jensenshannon(self._reference_bins, counts),
            "hellinger": hellinger(self._reference_bins, counts),
            "total_variation": total_variation(self._reference_bins, counts),
        }

    def _direction(self, window: NumericProfile) -> str:
        base, now = self.baseline.moments, window.moments
        unit = base.std if base.std > 0 else 0.0
        pairs = (
            ("median", self.baseline.quantile(0.5), window.quantile(0.5)),
            ("mean", base.mean, now.mean),
            ("standard deviation", base.std, now.std),
        )
        for name, before, after in pairs:
            if abs(after - before) > 0.05 * unit and figure(before) != figure(after):
                return f"{name} {figure(before)} -> {figure(after)}"
        return f"median {figure(pairs[0][1])} -> {figure(pairs[0][2])}"


def _decile_edges(baseline: NumericProfile) -> NDArray[np.intp]:
    ranks = np.arange(1, 10) * baseline.n
    return np.unique(np.searchsorted(baseline.upto * 10, ranks, "left"))


def _binned(profile: NumericProfile, places: NDArray[np.intp]) -> Floats:
    """Count over the deciles of the baseline, and beyond its smallest and largest value."""
    inner = profile.upto[places]
    walls = np.r_[0, profile.below[0], inner, profile.upto[-1], profile.n]
    return np.asarray(np.diff(walls), np.float64)


def _wasserstein(baseline: NumericProfile, window: NumericProfile) -> float:
    """Return the Wasserstein distance of the finite values, in standard deviations of the baseline."""
    finite = np.isfinite(baseline.edges)
    sides = []
    for one in (baseline, window):
        t = one.tally
        n = t.n - t.low_infinite - t.high_infinite
        if n == 0 or not finite.any():
            return float("nan")
        # an edge at infinity has no finite value beyond it, so its bin of sums is empty and falls away
        first = int(np.argmax(finite))
        sums = t.sums[first : first + int(finite.sum()) + 1]
        sides.append(
            ((t.below[finite] - t.low_infinite) / n, (t.upto[finite] - t.low_infinite) / n, sums / n)
        )
    distance = wasserstein_binned(baseline.edges[finite], sides[0], sides[1])
    std = baseline.std
    if distance <= 1e-12 * (std if std > 0 else 1.0):
        return 0.0
    return distance / std if std > 0 else float("inf")
