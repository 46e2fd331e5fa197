"""The question itself: why a window is not like its baseline."""

from __future__ import annotations

from collections.abc import Mapping

from mirante.drift.explain.contributions import checked_weights, contributions, judge
from mirante.drift.explain.findings import Contribution, Explanation, SliceFinding
from mirante.drift.explain.rows import Slicer, Target, missing_target, slicer_of, values_target
from mirante.drift.explain.slices import search
from mirante.drift.explain.words import summary
from mirante.drift.verdicts import ColumnVerdict
from mirante.errors import InputError
from mirante.profiles.frames import raw_columns
from mirante.profiles.table import TableProfile

__all__ = ["explain"]


def explain(
    baseline: object,
    window: object,
    *,
    rows: object = None,
    reference_rows: object = None,
    importance: Mapping[str, float] | None = None,
    most: int = 5,
) -> Explanation:
    """Say which columns make a window differ from its baseline, and in which slices of the rows they moved.

    Parameters
    ----------
    baseline, window : TableProfile, or any table that one can be made of
        The window counted with ``like=baseline``. Of a table a profile is made, and its rows are the rows.
    rows, reference_rows : table, optional
        The window's rows, and the baseline's or a sample of them. Slices are looked for when both are known.
    importance : mapping of str to float, optional
        Weight of columns, 0 or more, such as a model's feature importances; a column that it leaves out
        counts 0. Without it each counts 1.
    most : int, default 5
        Columns and slices to return at the most; slices are looked for in that many of the columns that
        moved.

    Returns
    -------
    Explanation
        `columns`, the strongest first, and `slices`; when nothing has changed the columns contribute 0 and
        no slice is named (in at least 98 of 100 cases).

    Raises
    ------
    InputError
        If the window was counted with another baseline, one of `rows` and `reference_rows` lacks the other,
        a weight is negative, or what should be a table is none.

    Notes
    -----
    A column's contribution is the Jensen-Shannon divergence (in bits, 0 to 1) of its bins, missing values
    among them, less what it is on average when nothing has changed, so that neither a small window nor many
    bins make a column look important; it is 0 unless the column moved by more than chance
    (`mirante.DriftMonitor` with one false alarm in 100 windows and no floor). Bins of a column add up to its
    divergence.

    A slice is one category, or one range between deciles of the baseline, of another column. It is named
    when the moved column moved inside it, and not or much less outside, and the difference is neither chance
    nor what one and the same change of all values makes of slices that differ from each other. A column that
    moved because the slices have other shares than before is told apart: a ``mix``. All tests take rows for
    independent. A shift that most slices of a column share is concentrated in none of them, and what a small
    slice does shows only once the whole column has moved by more than chance.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", 1991.
    .. [2] E. M. Kitagawa, "Components of a difference between two rates", 1955.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> city = np.repeat(["Rio", "Recife", "Natal"], 2000)
    >>> before = {"city": city, "wait": rng.gamma(2.0, 5.0, 6000)}
    >>> after = {"city": city, "wait": rng.gamma(2.0, 5.0, 6000) + 8.0 * (city == "Natal")}
    >>> found = explain(before, after)
    >>> found.columns[0].column, found.slices[0].slice
    ('wait', 'city = Natal')
    """
    if most < 1:
        raise InputError(f"most is {most}; give 1 or more")
    if rows is not None and reference_rows is None and isinstance(baseline, TableProfile):
        raise InputError("rows is given and reference_rows is not; slices compare the two, so give both")
    if reference_rows is not None and rows is None and isinstance(window, TableProfile):
        raise InputError("reference_rows is given and rows is not; slices compare the two, so give both")
    base = baseline if isinstance(baseline, TableProfile) else TableProfile.of(baseline)
    now = window if isinstance(window, TableProfile) else TableProfile.of(window, like=base)
    weights = checked_weights(base, importance)
    verdicts = judge(base, now)
    columns = contributions(base, now, verdicts, weights)
    slices: tuple[SliceFinding, ...] = ()
    looked = 0
    rows = window if rows is None and now is not window else rows
    reference_rows = baseline if reference_rows is None and base is not baseline else reference_rows
    if rows is not None and reference_rows is not None:
        targets, slicers = _coded(base, columns[:most], verdicts, reference_rows, rows)
        slices, looked = search(targets, slicers, most)
    text = summary(columns, len(slices), looked)
    return Explanation(columns[:most], slices, looked, now.rows, base.rows, text)


def _coded(
    baseline: TableProfile,
    columns: tuple[Contribution, ...],
    verdicts: Mapping[str, ColumnVerdict],
    reference_rows: object,
    rows: object,
) -> tuple[list[Target], list[Slicer]]:
    """Return what moved, and everything that cuts the rows, as codes."""
    moved = [one.column for one in columns if one.moved]
    if not moved:
        return [], []
    wanted = list(baseline.columns)
    before, after = raw_columns(reference_rows, wanted)[1], raw_columns(rows, wanted)[1]
    both = [name for name in wanted if name in before and name in after]
    targets = []
    for name in moved:
        if name not in both:
            continue
        sides = baseline.columns[name], before[name], after[name]
        targets += [values_target(*sides)] if verdicts[name].drifted else []
        targets += [missing_target(*sides)] if verdicts[name].missing_detected else []
    return targets, [slicer_of(baseline.columns[name], before[name], after[name]) for name in both]
