"""The slices of rows in which a window's columns moved, for the window's verdicts and the notices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from mirante.monitors.logged import logged_rows
from mirante.monitors.sample import SAMPLE_ROWS
from mirante.store.types import finite

if TYPE_CHECKING:
    from mirante.drift.explain import SliceFinding
    from mirante.drift.verdicts import WindowVerdict
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.openwindow import OpenWindow
    from mirante.monitors.rows import RowSource

__all__ = ["SliceSearch"]

_MOST = 3
_FEWEST = 60  # rows: a slice needs 30 inside and 30 outside
_LONGEST_TEXT = 200  # of what a finding names

_log = structlog.get_logger("mirante.slices")


class SliceSearch:
    """Looks in the inference log for the slices in which a drifted window moved.

    The window's verdict stands without it, so it never fails: why there are no slices is logged, once for
    each reason.

    Parameters
    ----------
    model, version : str
        Whose rows.
    baseline : ModelBaseline
        With a sample; without one nothing is looked for.
    log : RowSource
        Has the window's rows.
    locale : str
        Of the sentences.
    """

    def __init__(
        self, model: str, version: str, baseline: ModelBaseline, log: RowSource, *, locale: str = "en"
    ) -> None:
        self._model, self._version = model, version
        self._baseline, self._inference_log = baseline, log
        self._locale = locale
        self._told: set[str] = set()

    def find(self, window: OpenWindow, verdict: WindowVerdict) -> list[dict[str, Any]]:
        """Return the slices that stand out, as the window's verdicts keep them.

        Parameters
        ----------
        window : OpenWindow
            Judged. At most 5,000 of its rows are read, drawn uniformly.
        verdict : WindowVerdict
            Its judgement: slices of columns that it does not call moved are left out.

        Returns
        -------
        list of dict
            At most three, the strongest of each column first: the fields of
            `mirante.drift.explain.SliceFinding`, whose ``sentence`` is a short one in the locale. Empty for a
            window without drift, and when none stands out.
        """
        if self._baseline.sample is None or not verdict.drifted:
            return []
        if window.rows < _FEWEST:
            self._tell("few rows", window, f"slices need at least {_FEWEST} rows, and it has {window.rows}")
            return []
        if window.agents:
            self._tell("agents", window, window.elsewhere)
            return []
        try:
            return self._find(window, verdict)
        except Exception as error:  # whatever is wrong with rows or files, the window has been judged
            self._tell(type(error).__name__, window, str(error))
            return []

    def _tell(self, reason: str, window: OpenWindow, error: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            _log.warning(
                "no slices are named in windows with drift",
                model=self._model,
                version=self._version,
                first_window=window.window.start.isoformat(),
                reason=reason,
                error=error,
            )

    def _find(self, window: OpenWindow, verdict: WindowVerdict) -> list[dict[str, Any]]:
        from mirante.drift.explain import explain

        span, profile = window.window, self._baseline.profile
        rows = logged_rows(
            self._inference_log,
            self._model,
            self._version,
            span.start,
            span.end,
            window.profile,
            self._baseline.predictions,
            SAMPLE_ROWS,
        )
        moved = {(name, "values") for name in verdict.drifted_columns}
        moved |= {(name, "missing") for name in verdict.missing_columns}
        found = explain(
            profile,
            window.profile,
            rows=rows,
            reference_rows=self._baseline.sample,
            importance={name: 1.0 for name, _ in moved},
            most=_MOST,
        )
        return [
            self._kept(one, window.rows, rows.num_rows)
            for one in found.slices
            if (one.column, one.aspect) in moved
        ]

    def _kept(self, one: SliceFinding, rows: int, looked: int) -> dict[str, Any]:
        from mirante.drift.explain.words import slice_note

        sentence = slice_note(one, rows=rows, looked=looked, locale=self._locale)
        fields: dict[str, Any] = finite(replace(one, sentence=sentence))
        # the column's name stays whole, since alerts are matched with it; the sentence is short already
        whole = ("column", "sentence")
        return {name: value if name in whole else _cut(value) for name, value in fields.items()}


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[: _LONGEST_TEXT - 1]}…"
    return value
