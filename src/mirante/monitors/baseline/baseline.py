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
from mirante.monitors.baseline.counted import CountedRows, DrawnRows, fitted_rows
from mirante.monitors.baseline.fitting import (
    as_said,
    check_length,
    check_rows,
    classes_of,
    copies,
    fitted_estimator,
    for_labels,
    span,
    window_text,
    windows_of,
)
from mirante.monitors.performance import performance_of
from mirante.monitors.predictions import Predictions, Task
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
    from mirante.performance.realised import Realised

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
    task : {"probability", "probabilities", "class", "regression"}
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
    def predictions(self) -> Predictions:
        """What a prediction is, with the classes that there are."""
        return Predictions(self.task, tuple(self.about.get("classes") or ()))

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that the model is given, also those of which the profile was left out."""
        inputs = self.about.get("inputs")
        if inputs is not None:
            return tuple(inputs)
        said = self.predictions.columns
        return tuple(name for name in self.profile.columns if name not in said)

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
        classes: Sequence[str] | None = None,
    ) -> ModelBaseline:
        """Build the baseline from rows that were normal.

        All of them are counted. Outlier detector, performance and estimator are learnt from 200,000 of them
        (of more than 100 features fewer), which are drawn by their places, where there are more.

        Parameters
        ----------
        features : DataFrame, shape (n, k)
            What the model was given.
        predictions : array_like, shape (n,) or (n, k), or DataFrame
            What it said; the probabilities of k classes in as many columns, NaN in rows without.
        times : Series of datetime64, optional
            Event time of each row (UTC when without zone); with it the spread between the baseline's own
            windows is part of what is normal.
        clock : WindowClock
            Cuts the windows that will be judged against this baseline.
        labels : array_like, optional
            The truth, NaN where there is none. With it performance can be estimated before labels are in.
        task : {"probability", "probabilities", "class", "regression"}, optional
            Guessed from the predictions when not given: several columns are probabilities; text, and whole
            numbers of at most 20 kinds, are classes; decimal numbers between 0 and 1 are probabilities of
            label 1; other numbers are regression.
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
        classes : sequence of str, optional
            Names of the classes, in the order of the columns of probabilities: those of the columns of a
            DataFrame when not given, else positions, ``0, 1, …``.

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

        said, answers = as_said(predictions, task, classes)
        check_rows(features, said, answers)
        for what, column in (("times", times), ("labels", labels)):
            check_length(len(features), what, column)
        if sample_rows < 0:
            raise InputError(f"sample_rows is {sample_rows}; give how many rows may be kept, 0 for none")
        table = features.assign(**answers.frame(said))
        profile = TableProfile.of(table)
        groups = windows_of(times, clock)
        own = [TableProfile.of(table.iloc[np.sort(positions)], like=profile) for _, positions in groups]
        starts, places = [clock.local(window.start) for window, _ in groups], [at for _, at in groups]
        counted = CountedRows(
            profile,
            own,
            starts,
            span(times),
            copies(features, groups),
            classes_of(said, answers, labels),
            SliceBaselines.fit(slices, table, profile, list(zip(starts, places, strict=True)))
            if slices
            else None,
        )
        drawn = draw(len(table), fitted_rows(len(features.columns)))
        if some := len(drawn) < len(table):
            places = [] if times is None else [at for _, at in windows_of(times.iloc[drawn], clock)]
        rows = DrawnRows(
            features.iloc[drawn] if some else features,
            said[drawn] if some else said,
            np.asarray(labels)[drawn] if some and labels is not None else labels,
            places,
            sample_of(table.iloc[draw(len(table), sample_rows)], profile) if sample_rows else None,
        )
        return cls.of_counts(
            counted, rows, answers, clock=clock, alarm_budget=alarm_budget, sample_rows=sample_rows
        )

    @classmethod
    def of_counts(
        cls,
        counted: CountedRows,
        rows: DrawnRows,
        answers: Predictions,
        *,
        clock: WindowClock,
        alarm_budget: str,
        sample_rows: int,
    ) -> ModelBaseline:
        """Put a baseline together from what all rows say, and from some of them.

        Parameters
        ----------
        counted : CountedRows
            Counted wherever the rows are.
        rows : DrawnRows
            What outlier detector, performance and estimator are learnt from.
        answers : Predictions
            What a prediction is.
        clock, alarm_budget, sample_rows
            As for `fit`.

        Returns
        -------
        ModelBaseline
        """
        drift = DriftMonitor(
            counted.profile,
            own_windows=counted.own,
            own_starts=counted.starts,
            alarm_budget=alarm_budget,
            window=window_text(clock),
        )
        detector = OutlierDetector(method="both", log=False).fit(rows.features)
        detector.calibrate(OUTLIER_SHARE)
        realised = _realised(answers, rows.labels, rows.said)
        about = {
            "rows": counted.profile.rows,
            "windows": len(counted.own),
            "window": window_text(clock),
            "timezone": clock.timezone,
            "alarm_budget": alarm_budget,
            "sample_rows": sample_rows,
            **counted.span,
            "copies": dict(counted.copies),
            **for_labels(answers, counted.classes, realised),
        }
        if len(rows.features) < counted.profile.rows:
            about["fitted_rows"] = len(rows.features)
        estimator, reason = fitted_estimator(
            answers, rows.labels, rows.said, rows.features, list(rows.places)
        )
        if reason:
            about["not_estimated"] = reason
        return cls(
            counted.profile,
            drift,
            detector,
            answers.task,
            MappingProxyType(dict(realised or {})),
            MappingProxyType(about),
            rows.sample,
            estimator,
            counted.slices,
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


def _realised(answers: Predictions, labels: ArrayLike | None, said: Any) -> Realised | None:
    """Return what predictions were worth; None without labels."""
    return None if labels is None else performance_of(answers.task, labels, said, classes=answers.classes)


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
