"""Rows of ``drift_metrics``: one window against the baseline, and against the window before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.drift.cells import Cells
from mirante.drift.scores import Scores, finite_distance
from mirante.profiles import CategoricalProfile, NumericProfile
from mirante.stats.twosample import chi2
from mirante.views.tables.profile import TABLE, key_of, number_or_none
from mirante.views.verdicts import column_verdicts

if TYPE_CHECKING:
    from mirante.profiles import TableProfile
    from mirante.store import WindowRow

__all__ = ["baseline_rows", "consecutive_rows"]

_SCORES = (
    "ks", "wasserstein", "psi", "jensenshannon", "hellinger", "total_variation", "chi2", "l_infinity",
)  # fmt: skip
_BINNED = ("psi", "jensenshannon", "hellinger", "total_variation")
_NUMBERS = (
    "missing_ratio", "effect", "p_value", "level", "value", "threshold", "smallest_effect",
    "missing_threshold", "new_category_ratio",
)  # fmt: skip
_AS_SAID = ("drifted", "scale", "score", "missing_detected", "direction", "sentence", "missing_sentence")

Row = dict[str, Any]
Column = NumericProfile | CategoricalProfile


def baseline_rows(
    window: WindowRow, profile: TableProfile | None, baseline: TableProfile | None
) -> list[Row]:
    """Return what was judged of a window: the window as a whole first, then its columns.

    Parameters
    ----------
    window : WindowRow
        Closed; one that was not judged has no rows.
    profile : TableProfile or None
        The window's; without, deltas are null.
    baseline : TableProfile or None
        The baseline of its version as it is now; where it is another one than the window was counted with,
        deltas are null but for the mean's, which the window's own profile knows.

    Returns
    -------
    list of dict
        By names of columns.
    """
    verdicts = column_verdicts(window)
    if not verdicts:
        return []
    if profile is None or baseline is None or not baseline.layout.same(profile.layout):
        baseline = None
    key = {**key_of(window), "type": "baseline"}
    share = number_or_none(window.verdicts.get("drift_share"))
    drifted = window.verdicts.get("drifted")
    found = [{**key, "feature": TABLE, "kind": "table", "drifted": drifted, "drift_share": share}]
    for name, said in verdicts.items():
        now = None if profile is None else profile.columns.get(name)
        then = None if baseline is None else baseline.columns.get(name)
        scores = said.get("scores") or {}
        found.append(
            {
                **key,
                "feature": name,
                "kind": said.get("kind") or _kind(now),
                "n_window": said.get("n_window"),
                "n_compared": said.get("n_baseline"),
                **{score: number_or_none(scores.get(score)) for score in _SCORES},
                **{figure: number_or_none(said.get(figure)) for figure in _NUMBERS},
                **{figure: said.get(figure) for figure in _AS_SAID},
                **(
                    _mean_of_layout(now)
                    if baseline is None
                    else _deltas(now, then, window.rows, baseline.rows)
                ),
            }
        )
    return found


def consecutive_rows(
    window: WindowRow, profile: TableProfile, before: WindowRow, compared: TableProfile
) -> list[Row]:
    """Return how far each column of a window is from the window before it.

    Parameters
    ----------
    window : WindowRow
        Closed.
    profile : TableProfile
        The window's.
    before : WindowRow
        The window of the same subject and version that ends where `window` begins.
    compared : TableProfile
        That window's, counted with the same baseline.

    Returns
    -------
    list of dict
        By names of columns. Scores are over the deciles and levels of the window before; null where one of
        the two has no values.
    """
    key = {
        **key_of(window),
        "type": "consecutive",
        "compared_start": before.start,
        "compared_end": before.end,
    }
    scores = _scores(profile, compared)
    found = []
    for name, now in profile.columns.items():
        then, own = compared.columns[name], scores[name]
        found.append(
            {
                **key,
                "feature": name,
                "kind": _kind(now),
                "n_window": now.n,
                "n_compared": then.n,
                "missing_ratio": _share(now.missing, window.rows),
                **{score: number_or_none(value) for score, value in own.items()},
                **_deltas(now, then, window.rows, before.rows),
            }
        )
    return found


def _kind(column: Column | None) -> str | None:
    if column is None:
        return None
    return "numeric" if isinstance(column, NumericProfile) else "categorical"


def _share(count: int, rows: int) -> float | None:
    return count / rows if rows else None


def _mean_of_layout(now: Column | None) -> Row:
    """Return how far the mean is from the baseline's, which is the centre of the power sums."""
    if not isinstance(now, NumericProfile) or not now.edges.size:
        return {}
    return {"mean_delta": number_or_none(now.mean - now.shift)}


def _deltas(now: Column | None, then: Column | None, rows: int, rows_then: int) -> Row:
    if now is None or then is None:
        return {}
    mine, theirs = _share(now.missing, rows), _share(then.missing, rows_then)
    found: Row = {"n_delta": now.n - then.n}
    if mine is not None and theirs is not None:
        found["missing_ratio_delta"] = mine - theirs
    if isinstance(now, NumericProfile) and isinstance(then, NumericProfile):
        mine_of, theirs_of = now.moments, then.moments
        found["mean_delta"] = number_or_none(mine_of.mean - theirs_of.mean)
        found["std_delta"] = number_or_none(mine_of.std - theirs_of.std)
        with np.errstate(invalid="ignore"):  # both may be infinite
            found["p50_delta"] = number_or_none(np.subtract(now.quantile(0.5), then.quantile(0.5)))
    return found


def _scores(profile: TableProfile, compared: TableProfile) -> dict[str, dict[str, float]]:
    """Return the scores of each column by its name."""
    cells = Cells(compared)
    local, n = cells.running(profile.numbers.cells)
    then, m = cells.running(compared.numbers.cells)
    binned = Scores(cells, compared).of(profile, local)
    layout = profile.layout
    found: dict[str, dict[str, float]] = {}
    names = (*layout.numeric, *layout.categorical)
    for place, name in enumerate(names):
        found[name] = {score: float(binned[score][place]) for score in _BINNED}
    if layout.numeric:
        shares = local / np.maximum(n, 1.0).take(cells.column) - then / np.maximum(m, 1.0).take(cells.column)
        distances = np.where((n > 0) & (m > 0), np.maximum.reduceat(np.abs(shares), cells.start), np.nan)
        for place, name in enumerate(layout.numeric):
            ks = float(distances[place])
            wasserstein = finite_distance(compared.columns[name], profile.columns[name])  # type: ignore[arg-type]  # numeric
            found[name] |= {"ks": ks, "wasserstein": wasserstein / float(layout.scale[place]), "effect": ks}
    for place, name in enumerate(layout.categorical, len(layout.numeric)):
        found[name] |= {
            "l_infinity": float(binned["l_infinity"][place]),
            "chi2": _chi2(compared.columns[name], profile.columns[name]),
            "effect": found[name]["total_variation"],
        }
    return found


def _chi2(then: Column, now: Column) -> float:
    left, right = (np.append(one.counts, one.other) for one in (then, now))  # type: ignore[union-attr]  # categorical
    return chi2(left, right).statistic if left.any() and right.any() else float("nan")
