"""The outlier detector: isolation forest, robust z or both; scikit-learn's threshold or a calibrated one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError, NotFittedError
from mirante.outliers.calibration import contamination_offset, score_sample, threshold_at
from mirante.outliers.explaining import explain_rows, strangest
from mirante.outliers.models import METHODS, Method, Model, fit_model, measure_rows
from mirante.outliers.result import OutlierResult, OutlierRow, OutlierVerdict
from mirante.outliers.rows import Rows
from mirante.outliers.saving import dump, load

__all__ = ["OutlierDetector"]

Floats = NDArray[np.float64]

# for contamination="auto": of the average row (Liu, Ting and Zhou, 2008); of Iglewicz and Hoaglin (1993)
_AUTO = {"isolation_forest": -0.5, "robust_z": -3.5, "both": -1.0}


class OutlierDetector:
    """Finds rows that look like nothing in the baseline, and says which columns make them so.

    Parameters
    ----------
    contamination : float or "auto", default 0.1
        scikit-learn's: the share of the baseline that `detect_outliers` would call outliers, up to 0.5. With
        "auto" the threshold is -0.5 for the forest, -3.5 for robust z and -1 for both.
    method : {"isolation_forest", "robust_z", "both"}, default "isolation_forest"
        The forest finds rows that are somewhat strange in several columns, and hardly those with one wild
        value among many columns. Robust z finds these, is some ten times faster, and can be fitted on a
        profile, without rows. Monitors use both.
    random_state : int, default 0
        Seed of the forest; the same seed and baseline give the same scores.
    log : bool, default True
        Whether `detect_outliers` logs ``outliers.count`` and ``outliers.ratio`` to MLflow.
    subject : str, optional
        Whose monitoring run to log to when no MLflow run is active; this host by default.

    Attributes
    ----------
    contamination, method, random_state, log, subject
        As given.

    Raises
    ------
    InputError
        If `contamination` is not "auto" or in (0, 0.5], or there is no such method.

    Notes
    -----
    Isolation forest: the score is scikit-learn's ``score_samples`` to the last bit, -1 (isolated at once) to
    0. Text counts by the share of its level in the baseline (a rare carrier is strange, a new one strangest).
    Missing values stay missing: each split sends them to one side, as scikit-learn does.

    Robust z: ``z = (x - median) / s``, where s is ``(Q(0.95) - median) / 1.645`` above the median and
    ``(median - Q(0.05)) / 1.645`` below it, Q a quantile of the baseline; where that is 0, quantiles
    further out. Text has the abs(z) that as few normal values exceed as the baseline has values as rare or
    rarer. Missing values are not judged. What differs from a constant column, or is infinite, has an abs(z)
    of 1,000,000. The score is minus the largest abs(z) of the row.

    Both: each score is divided by the one that 1 % of the baseline's rows exceed, and the lower of the two
    counts: below -1 a row is stranger than all but 1 % of the baseline, to one of the two.

    Rows are scored in blocks on all cores: beside the data and its scores a few MB are needed.

    References
    ----------
    Liu, Ting and Zhou, "Isolation Forest", ICDM 2008; `sklearn.ensemble.IsolationForest`; Iglewicz and
    Hoaglin, "How to Detect and Handle Outliers", 1993.

    Examples
    --------
    >>> baseline = np.random.default_rng(0).normal(size=(500, 2))
    >>> detector = OutlierDetector(contamination=0.01, log=False).fit(baseline)
    >>> found = detector.detect_outliers([[0.0, 0.1], [9.0, -9.0]])
    >>> found["outlier_indices"].tolist(), found["total_outliers"], found["ratio"]
    ([1], 1, 0.5)
    """

    def __init__(
        self,
        contamination: float | Literal["auto"] = 0.1,
        *,
        method: Method = "isolation_forest",
        random_state: int = 0,
        log: bool = True,
        subject: str | None = None,
    ) -> None:
        if contamination != "auto" and not 0.0 < contamination <= 0.5:
            raise InputError(
                f"contamination is {contamination!r}; give a share above 0 and up to 0.5, or 'auto'"
            )
        if method not in METHODS:
            raise InputError(f"method is {method!r}; give one of {', '.join(map(repr, METHODS))}")
        self.contamination = contamination
        self.method: Method = method
        self.random_state = random_state
        self.log = log
        self.subject = subject
        self._model: Model | None = None
        self._offset = float("nan")
        self._baseline_scores: Floats = np.empty(0)
        self._threshold: float | None = None

    def fit(self, data: object) -> OutlierDetector:
        """Learn what is normal.

        Parameters
        ----------
        data : table or array, shape (n, k) or (n,), or TableProfile
            The baseline: NumPy, pandas, Polars, Arrow, a mapping of names to arrays, or lists. For robust z
            also its profile: then thresholds follow from the columns' counts, and leave at most the stated
            share of the baseline's rows below, fewer where the columns of a row are strange together.

        Returns
        -------
        OutlierDetector
            This detector.

        Raises
        ------
        InputError
            If there is no row or no value, or a forest is given a profile.
        """
        self._model, scores = fit_model(self.method, data, self.random_state)
        self._offset = contamination_offset(scores, self.contamination, auto=_AUTO[self.method])
        self._baseline_scores = score_sample(scores)
        self._threshold = None
        return self

    @property
    def offset(self) -> float:
        """The threshold of `detect_outliers`; score minus offset is scikit-learn's ``decision_function``."""
        self._fitted()
        return self._offset

    def detect_outliers(self, data: object) -> OutlierResult:
        """Return the rows below the threshold that `contamination` set, as scikit-learn does.

        Parameters
        ----------
        data : table or array
            Rows with the baseline's columns.

        Returns
        -------
        OutlierResult
            ``outlier_indices``, ``outlier_scores``, ``total_outliers`` and more, by key or attribute.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If there is no row, or a column is missing.
        """
        rows = Rows.of(data)
        model = self._fitted()
        if not rows.count:
            raise InputError("got no rows; give at least one row to look at")
        scores, missing_rows = measure_rows(model, rows)
        places = np.flatnonzero(scores - self._offset < 0)
        result = OutlierResult(
            outlier_indices=places,
            outlier_scores=scores[places],
            total_outliers=len(places),
            rows=len(scores),
            ratio=len(places) / len(scores),
            missing_rows=missing_rows,
            scores=scores,
        )
        if self.log:
            from mirante.tracking.runs import log_metrics

            metrics = {"outliers.count": float(result.total_outliers), "outliers.ratio": result.ratio}
            log_metrics(metrics, subject=self.subject)
        return result

    def score(self, data: object) -> Floats:
        """Return the score of each row.

        Parameters
        ----------
        data : table or array
            Rows with the baseline's columns; none is fine.

        Returns
        -------
        ndarray of float64, shape (n,)
            Lower is stranger. Isolation forest: scikit-learn's ``score_samples``, -1 (isolated at once) to
            0. Robust z: minus the largest abs(z), 0 for a row of missing values only. Both: see above.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        model = self._fitted()
        return measure_rows(model, Rows.of(data))[0]

    def calibrate(self, budget_share: float) -> float:
        """Set the threshold of `judge` and `flag` from the baseline's own scores.

        Parameters
        ----------
        budget_share : float
            The share of clean rows that may lie below the threshold, 0 to 1; with 0 only rows that are
            stranger than all of the baseline are flagged.

        Returns
        -------
        float
            The threshold: of n baseline scores the r-th smallest, r = floor(budget_share * (n + 1)) and at
            least 1, so that a new row like the baseline's lies below with probability r / (n + 1). To within
            0.01 % where the baseline has more than 10,001 rows.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If `budget_share` is not a share.
        """
        self._fitted()
        if not 0.0 <= budget_share <= 1.0:
            raise InputError(f"budget_share is {budget_share!r}; give a share from 0 to 1, such as 0.01")
        self._threshold = threshold_at(self._baseline_scores, budget_share)
        return self._threshold

    def flag(self, data: object) -> NDArray[np.bool_]:
        """Return which rows score below the calibrated threshold.

        Parameters
        ----------
        data : table or array
            Rows with the baseline's columns; none is fine.

        Returns
        -------
        ndarray of bool, shape (n,)
            True for an outlier.

        Raises
        ------
        NotFittedError
            Before `fit` or `calibrate`.
        """
        return self.judge(data, most=0).flagged

    def judge(self, data: object, *, most: int = 10, columns: int = 3) -> OutlierVerdict:
        """Hold rows against the calibrated threshold, and explain the strangest that are over it.

        Parameters
        ----------
        data : table or array
            Rows with the baseline's columns; none is fine.
        most : int, default 10
            Rows to explain, at most.
        columns : int, default 3
            Reasons for each of them, at most.

        Returns
        -------
        OutlierVerdict
            How many, which, and the strangest with their reasons.

        Raises
        ------
        NotFittedError
            Before `fit` or `calibrate`.

        Examples
        --------
        >>> baseline = np.random.default_rng(0).normal(size=(500, 2))
        >>> detector = OutlierDetector(method="robust_z", log=False).fit(baseline)
        >>> _ = detector.calibrate(0.01)
        >>> verdict = detector.judge([[0.0, 0.1], [1.0, -9.0]])
        >>> [(row.position, row.reasons[0].column, row.reasons[0].value) for row in verdict.top]
        [(1, '1', -9.0)]
        """
        model = self._fitted()
        if self._threshold is None:
            raise NotFittedError("there is no calibrated threshold yet; call calibrate(0.01) first")
        rows = Rows.of(data)
        scores, _ = measure_rows(model, rows)
        flagged = scores < self._threshold
        count = int(flagged.sum())
        top = explain_rows(model, model.prepare(rows), strangest(scores, flagged, most), columns)
        ratio = count / rows.count if rows.count else float("nan")
        return OutlierVerdict(rows.count, count, ratio, self._threshold, flagged, top)

    def explain(self, data: object, positions: ArrayLike, *, columns: int = 3) -> tuple[OutlierRow, ...]:
        """Return what makes some rows strange, for instance the first of ``outlier_indices``.

        Parameters
        ----------
        data : table or array
            Rows with the baseline's columns.
        positions : array_like of int, shape (m,)
            Which rows, from 0; some 10 ms for ten rows of a forest.
        columns : int, default 3
            Reasons for each row, at most.

        Returns
        -------
        tuple of OutlierRow
            In the order of `positions`. Isolation forest: each split on a row's paths is credited to its
            column, and all contributions of a row add up to its score (``-0.5 * 2**sum``). Robust z: abs(z).

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If there is no such row.
        """
        model = self._fitted()
        places = np.asarray(positions, np.intp).reshape(-1)
        return explain_rows(model, model.prepare(Rows.of(data)), places, columns)

    def to_bytes(self) -> bytes:
        """Return the fitted detector as a file of skops, which unlike a pickle runs no code when it is read.

        Returns
        -------
        bytes
            For `from_bytes`; about 0.6 MB with a forest, below 0.1 MB without.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        return dump(
            {
                "method": self.method,
                "model": self._fitted().state(),
                "contamination": self.contamination,
                "random_state": self.random_state,
                "offset": self._offset,
                "baseline_scores": self._baseline_scores,
                "threshold": self._threshold,
                "log": self.log,
                "subject": self.subject,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> OutlierDetector:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            The content of the file.

        Returns
        -------
        OutlierDetector
            With the same scores and thresholds.

        Raises
        ------
        InputError
            If it is no such file, was written by a newer version, or holds foreign types.
        """
        state = load(data)
        names = ("contamination", "method", "random_state", "log", "subject")
        detector = cls(**{name: state[name] for name in names})
        detector._model = METHODS[detector.method].from_state(state["model"])
        detector._offset = state["offset"]
        detector._baseline_scores = state["baseline_scores"]
        detector._threshold = state["threshold"]
        return detector

    def _fitted(self) -> Model:
        if self._model is None:
            raise NotFittedError("the detector has not seen a baseline yet; call fit(data) first")
        return self._model
