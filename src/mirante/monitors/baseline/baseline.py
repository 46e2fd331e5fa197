"""The baseline of one model version: its data, predictions and performance when all is well."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mirante.drift.monitor import DriftMonitor
from mirante.errors import InputError
from mirante.monitors.baseline.fitting import (
    PREDICTION,
    check_length,
    check_rows,
    copies,
    fitted_estimator,
    for_labels,
    guess_task,
    span,
    utc,
    window_text,
)
from mirante.monitors.performance import Task, performance_of
from mirante.monitors.sample import SAMPLE_ROWS, draw, sample_from_bytes, sample_of, sample_to_bytes
from mirante.monitors.slices.baselines import SliceBaselines
from mirante.outliers.detector import OutlierDetector
from mirante.performance.estimated import PerformanceEstimator
from mirante.profiles import TableProfile
from mirante.store import BaselineRow

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import ArrayLike

    from mirante.monitors.windows import WindowClock

__all__ = ["OUTLIER_SHARE", "ModelBaseline"]

OUTLIER_SHARE = 0.01
_FORMAT = 1
_SAMPLE = "sample.parquet"
_ESTIMATOR = "estimated.bin"
_SLICES = "slices.bin"


@dataclass(frozen=True, slots=True)
class ModelBaseline:
    """A profile, the calibrated drift monitor and outlier detector, and reference performance.

    Parameters
    ----------
    profile : TableProfile
        Of features and prediction.
    drift : DriftMonitor
        Calibrated on the baseline's own windows.
    outliers : OutlierDetector
        Calibrated so that 1 % of the baseline's rows lie over its threshold.
    task : {"probability", "class", "regression"}
        What a prediction is.
    performance : mapping of str to float
        On the baseline's labelled rows; empty without labels.
    about : mapping
        Where it came from, for people: rows, first and last time, window, time zone, alarm budget; and
        ``sample_rows``, how many of its rows may be kept.
    sample : pyarrow.Table, optional
        Some of its rows, features and prediction, drawn uniformly: what the slices of a window are compared
        with. None where none are kept, and of baselines from before there were samples; no slice is named
        then.
    estimator : PerformanceEstimator, optional
        Estimates the performance before labels are in. None without labels, of baselines from before there
        were estimates, and where ``not_estimated`` in `about` says why.
    slices : SliceBaselines, optional
        What is normal in parts of the rows; None where none were asked for, and where ``not_sliced`` in
        `about` says why.
    """

    profile: TableProfile
    drift: DriftMonitor
    outliers: OutlierDetector
    task: Task
    performance: Mapping[str, float]
    about: Mapping[str, Any] = field(default_factory=dict)
    sample: pa.Table | None = field(default=None, repr=False)  # a log is no place for rows
    estimator: PerformanceEstimator | None = field(default=None, repr=False)
    slices: SliceBaselines | None = field(default=None, repr=False)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that the model is given, also those of which the profile was left out."""
        inputs = self.about.get("inputs")
        if inputs is not None:
            return tuple(inputs)
        return tuple(name for name in self.profile.columns if name != PREDICTION)

    def row(self, subject: str, version: str, created: datetime) -> BaselineRow:
        """Return what the store keeps of it.

        Parameters
        ----------
        subject, version : str
            Whose baseline it is.
        created : datetime
            When it was accepted.
        """
        source = str(self.about.get("source", "mlflow"))
        return BaselineRow(subject, version, created, self.profile.rows, self.profile.to_bytes(), source)

    @classmethod
    def fit(
        cls,
        features: pd.DataFrame,
        predictions: ArrayLike,
        times: pd.Series[pd.Timestamp] | None = None,
        *,
        clock: WindowClock,
        labels: ArrayLike | None = None,
        task: Task | None = None,
        alarm_budget: str = "1 per 30d",
        sample_rows: int = SAMPLE_ROWS,
        slices: Sequence[str] = (),
    ) -> ModelBaseline:
        """Build the baseline from rows that were normal.

        Parameters
        ----------
        features : DataFrame, shape (n, k)
            What the model was given.
        predictions : array_like, shape (n,)
            What it said.
        times : Series of datetime64, optional
            Event time of each row (UTC when without zone); with it the spread between the baseline's own
            windows is part of what is normal.
        clock : WindowClock
            Cuts the windows that will be judged against this baseline.
        labels : array_like, optional
            The truth, NaN where there is none. With it performance can be estimated before labels are in.
        task : {"probability", "class", "regression"}, optional
            Guessed from the predictions when not given: text, and whole numbers of at most 20 kinds, are
            classes; decimal numbers between 0 and 1 are probabilities; other numbers are regression.
        alarm_budget : str
            False alarms that are accepted.
        sample_rows : int, default 5,000
            At most so many of the rows are kept, so that a notice can name the slice in which a feature
            moved; 0 keeps none, where rows must not leave the place that they are in. Numbers are kept as
            float64 (dates as seconds since 1970) and everything else as text, so no column is left out. The
            same rows are drawn each time.
        slices : sequence of str
            Parts of the rows that will be judged for themselves: names of columns, each of whose 100 most
            frequent values is a slice, and conditions such as ``age >= 65``.

        Returns
        -------
        ModelBaseline
            Ready to be published beside the model version.

        Raises
        ------
        InputError
            If there are no rows or features, the lengths differ, a feature is named ``prediction``, the
            times cannot be read, `sample_rows` is below 0, or a slice does not fit the rows.

        Examples
        --------
        >>> import pandas as pd
        >>> from mirante.monitors.windows import WindowClock
        >>> rows = pd.DataFrame({"age": [41.0, 38.0, 52.0], "plan": ["pro", "basic", "pro"]})
        >>> found = ModelBaseline.fit(rows, [0.2, 0.7, 0.4], clock=WindowClock("1d"), sample_rows=2)
        >>> found.sample.num_rows, found.sample.column_names
        (2, ['age', 'plan', 'prediction'])
        """
        import numpy as np

        said = np.asarray(predictions)
        check_rows(features, said)
        for what, column in (("times", times), ("labels", labels)):
            check_length(len(features), what, column)
        if sample_rows < 0:
            raise InputError(f"sample_rows is {sample_rows}; give how many rows may be kept, 0 for none")
        table = features.assign(**{PREDICTION: said})
        profile = TableProfile.of(table)
        groups = [] if times is None else clock.assign(utc(times).dt.tz_localize(None).to_numpy())
        own = [TableProfile.of(table.iloc[np.sort(positions)], like=profile) for _, positions in groups]
        starts, places = [clock.local(window.start) for window, _ in groups], [at for _, at in groups]
        drift = DriftMonitor(
            profile, own_windows=own, own_starts=starts, alarm_budget=alarm_budget, window=window_text(clock)
        )
        detector = OutlierDetector(method="both", log=False).fit(features)
        detector.calibrate(OUTLIER_SHARE)
        kind = task or guess_task(said)
        realised = None if labels is None else performance_of(kind, labels, said)
        about = {
            "rows": len(table),
            "windows": len(own),
            "window": window_text(clock),
            "timezone": clock.timezone,
            "alarm_budget": alarm_budget,
            "sample_rows": sample_rows,
            **span(times),
            "copies": copies(features, groups),
            **for_labels(kind, said, labels, realised),
        }
        estimator, reason = fitted_estimator(kind, labels, said, features, places)
        if reason:
            about["not_estimated"] = reason
        sample = sample_of(table.iloc[draw(len(table), sample_rows)], profile) if sample_rows else None
        return cls(
            profile,
            drift,
            detector,
            kind,
            MappingProxyType(dict(realised or {})),
            MappingProxyType(about),
            sample,
            estimator,
            SliceBaselines.fit(slices, table, profile, list(zip(starts, places, strict=True)))
            if slices
            else None,
        )

    def drift_monitor(
        self,
        clock: WindowClock,
        alarm_budget: str | None = None,
        kind: str | None = None,
        floor: float | Mapping[str, float] | None = None,
        share: float = 1.0,
    ) -> DriftMonitor:
        """Return a drift monitor for windows of a clock and a budget, which has seen none yet.

        Parameters
        ----------
        clock : WindowClock
            Cuts the windows that will be judged.
        alarm_budget, kind, floor : optional
            As for `DriftMonitor`; the baseline's own when not given.
        share : float, default 1
            Part of the budget.

        Returns
        -------
        DriftMonitor
        """
        window = window_text(clock)
        return self.drift.fresh(alarm_budget=alarm_budget, window=window, kind=kind, floor=floor, share=share)

    def to_files(self) -> dict[str, bytes]:
        """Return the files that are kept beside the model version."""
        head = {
            "format": _FORMAT,
            "task": self.task,
            "performance": dict(self.performance),
            "about": dict(self.about),
        }
        files = {
            "baseline.json": json.dumps(head, indent=1).encode(),
            "profile.bin": self.profile.to_bytes(),
            "drift.bin": self.drift.to_bytes(),
            "outliers.bin": self.outliers.to_bytes(),
        }
        if self.sample is not None:
            files[_SAMPLE] = sample_to_bytes(self.sample)
        if self.estimator is not None:
            files[_ESTIMATOR] = self.estimator.to_bytes()
        if self.slices is not None:
            files[_SLICES] = self.slices.to_bytes()
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> ModelBaseline:
        """Read what `to_files` wrote.

        Parameters
        ----------
        files : mapping of str to bytes
            Names and contents; a baseline that kept no rows has no ``sample.parquet``, one without labels no
            ``estimated.bin``, one without slices no ``slices.bin``. An estimator or slices that cannot be
            read any more are left out, and `about` says so.

        Returns
        -------
        ModelBaseline
            Equal in all that it judges.

        Raises
        ------
        InputError
            If a file is missing or damaged, or was written by a newer version of Mirante.
        """
        missing = sorted({"baseline.json", "profile.bin", "drift.bin", "outliers.bin"} - set(files))
        if missing:
            raise InputError(
                f"the baseline lacks {', '.join(missing)}; write it again with `mirante baseline create`"
            )
        head = _read_head(files["baseline.json"])
        profile = TableProfile.from_bytes(files["profile.bin"])
        about, estimator, slices = dict(head["about"]), None, None
        if _ESTIMATOR in files:
            try:
                estimator = PerformanceEstimator.from_bytes(files[_ESTIMATOR])
            except InputError as error:  # of another scikit-learn, perhaps: drift is judged without it
                about["not_estimated"] = str(error)
        if _SLICES in files:
            try:
                slices = SliceBaselines.from_bytes(files[_SLICES])
            except InputError as error:
                about["not_sliced"] = str(error)
        return cls(
            profile,
            DriftMonitor.from_bytes(files["drift.bin"]),
            OutlierDetector.from_bytes(files["outliers.bin"]),
            head["task"],
            MappingProxyType(head["performance"]),
            MappingProxyType(about),
            sample_from_bytes(files[_SAMPLE], profile) if _SAMPLE in files else None,
            estimator,
            slices,
        )


def _read_head(content: bytes) -> dict[str, Any]:
    try:
        head = json.loads(content)
        newer = head["format"] > _FORMAT
        whole = {"task", "performance", "about"} <= head.keys()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"baseline.json is damaged ({error!r}); write it again with `mirante baseline create`"
        ) from error
    if newer:
        raise InputError(
            f"the baseline has format {head['format']}, this Mirante reads up to {_FORMAT}; upgrade it"
        )
    if not whole:
        raise InputError(
            "baseline.json needs task, performance and about, and lacks one; "
            "write it again with `mirante baseline create`"
        )
    return dict(head)
