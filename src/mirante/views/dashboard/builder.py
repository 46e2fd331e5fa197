"""Charts that you add, one by one, saved as one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.i18n import translator
from mirante.readings import unit_of
from mirante.views.figures import Line, drift_figure, metric_figure
from mirante.views.page import Chart, chart_of, render, write_page
from mirante.views.words import caption_of, table_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["MLflowDashboard"]

_EPOCH_UNITS: tuple[tuple[float, Literal["ns", "us", "ms", "s"]], ...] = (
    (1e17, "ns"),
    (1e14, "us"),
    (1e11, "ms"),
    (0.0, "s"),
)


class MLflowDashboard:
    """Collects charts and saves them as one HTML file that needs no network.

    Parameters
    ----------
    title : str
        Heading of the page.
    log : bool, default True
        Whether the saved file is also logged to MLflow as an artifact: to the caller's active run, else to
        this host's monitoring run. Without a tracking server there is a warning, and the file all the same.
    locale : str, default "en"
        Language of the page's own words.

    Examples
    --------
    >>> import tempfile
    >>> dashboard = MLflowDashboard(log=False)
    >>> frame = {"timestamp": ["2013-02-07", "2013-02-08"], "accuracy": [0.81, 0.62]}
    >>> dashboard.add_metric_chart(frame, "accuracy", "Accuracy by day")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dashboard.save_dashboard(f"{folder}/dashboard.html").name
    'dashboard.html'
    """

    def __init__(self, title: str = "Mirante", *, log: bool = True, locale: str = "en") -> None:
        self.title = title
        self._log = log
        self._translate = translator(locale)
        self._charts: list[Chart] = []

    @property
    def charts(self) -> tuple[Chart, ...]:
        """What was added so far."""
        return tuple(self._charts)

    def add_metric_chart(self, df: Any, metric_name: str, title: str) -> None:
        """Add a metric over time.

        Parameters
        ----------
        df : pandas, Polars or Arrow table, or mapping of columns
            With a column ``timestamp``: datetimes (without a zone they are taken for UTC), ISO texts, or
            numbers since 1970 in seconds, ms (as MLflow has them), µs or ns, told apart by their size. They
            need no order.
        metric_name : str
            The column to draw; what is no number is a gap.
        title : str
            Heading of the chart; any text, it is never taken for HTML.

        Raises
        ------
        InputError
            If a column is not there, or a timestamp cannot be read.
        """
        columns = _columns(df)
        for needed in ("timestamp", metric_name):
            if needed not in columns:
                have = ", ".join(map(repr, columns)) or "none"
                raise InputError(f"the data has no column {needed!r}; its columns are: {have}")
        times, values = _times(columns["timestamp"]), _numbers(columns[metric_name])
        known = ~np.isnat(times)
        order = np.argsort(times[known], kind="stable")
        line = Line(metric_name, times[known][order], values[known][order])
        unit, _ = unit_of(metric_name), self._translate
        figure = metric_figure([line], title=title, unit=unit, locale=_.locale)
        self._add(figure, title, caption=caption_of([line], unit, _), table=table_of([line], unit, _))

    def add_drift_chart(self, baseline: Any, current: Any, title: str) -> None:
        """Add the distribution of a column then and now.

        Parameters
        ----------
        baseline, current : array-like or table
            One column of numbers or text; or tables with the same columns, which give one chart for each.
        title : str
            Heading of the chart; any text, it is never taken for HTML.

        Raises
        ------
        InputError
            If the two sides have no column in common.
        """
        before, after = _columns(baseline), _columns(current)
        if len(before) == len(after) == 1:  # a column is a column, whatever each side calls it
            after = dict(zip(before, after.values(), strict=True))
        common = [name for name in before if name in after]
        if not common:
            raise InputError(
                f"the baseline has the columns {', '.join(before)} and the current data {', '.join(after)}; "
                "give tables with at least one column in common"
            )
        for name in common:
            heading = title if len(common) == 1 else f"{title}: {name}"
            self._add(
                drift_figure(before[name], after[name], heading, locale=self._translate.locale), heading
            )

    def save_dashboard(self, path: str | Path = "dashboard.html") -> Path:
        """Write the file and return where it is.

        Parameters
        ----------
        path : path
            An existing file is replaced as a whole; missing folders are made.

        Returns
        -------
        Path
            The file; without any chart it is a page that says so.

        Raises
        ------
        InputError
            If the place cannot be written.
        """
        html = render("charts.html", title=self.title, charts=self._charts, locale=self._translate.locale)
        target = write_page(html, path)
        if self._log:
            from mirante.tracking.runs import log_artifact

            log_artifact(target)
        return target

    def _add(self, figure: Figure, title: str, **words: Any) -> None:
        self._charts.append(chart_of(figure, len(self._charts) + 1, title, **words))


def _columns(data: Any) -> dict[str, NDArray[Any]]:
    """Return any table as named one-dimensional arrays; an array without names gets its column's number."""
    if isinstance(data, Mapping):
        return {str(name): np.asarray(values) for name, values in data.items()}
    if not isinstance(data, (np.ndarray, Sequence)):
        import narwhals.stable.v1 as nw

        table = nw.from_native(data, pass_through=True, allow_series=True)
        if isinstance(table, nw.LazyFrame):
            table = table.collect()
        if isinstance(table, nw.Series):
            return {str(table.name or "0"): table.to_numpy()}
        if isinstance(table, nw.DataFrame):
            return {str(name): table.get_column(name).to_numpy() for name in table.columns}
    array = np.asarray(data)
    if array.ndim == 1:
        return {"0": array}
    if array.ndim == 2:
        return {str(index): array[:, index] for index in range(array.shape[1])}
    raise InputError(
        f"got {type(data).__name__} with {array.ndim} dimensions; "
        "give a column, a two-dimensional array or a table"
    )


def _times(column: NDArray[Any]) -> NDArray[np.datetime64]:
    import pandas as pd

    numeric = column.dtype.kind in "iuf"
    try:
        if numeric:
            size = float(np.nanmax(np.abs(column.astype(np.float64)))) if len(column) else 0.0
            unit = next(unit for least, unit in _EPOCH_UNITS if size >= least)
            stamps = pd.to_datetime(pd.Series(column), unit=unit, utc=True)
        else:
            stamps = pd.to_datetime(
                pd.Series(column), utc=True, format=None if column.dtype.kind == "M" else "ISO8601"
            )
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"the column 'timestamp' cannot be read as times ({error}); "
            "give datetimes, ISO 8601 texts or numbers since 1970"
        ) from error
    return np.asarray(stamps.dt.tz_localize(None).to_numpy(), dtype="datetime64[us]")


def _numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    import pandas as pd

    return np.asarray(pd.to_numeric(pd.Series(column), errors="coerce"), dtype=np.float64)
