"""The outlier detector: an isolation forest, with scikit-learn's threshold or a calibrated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError, NotFittedError
from mirante.outliers.encoding import Encoder
from mirante.outliers.forest import ForestScores
from mirante.outliers.result import OutlierResult
from mirante.outliers.saving import dump, load

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

__all__ = ["OutlierDetector"]

_MOST_SCORES = 10_001  # of the baseline that are kept for calibration

Floats = NDArray[np.float64]


class OutlierDetector:
    """Finds rows that an isolation forest, fitted on the baseline, isolates quickly.

    Text columns count by the share of their level in the baseline (a rare carrier is strange, a new one
    strangest). Missing values stay missing: each split sends them to one side, as scikit-learn does.

    Parameters
    ----------
    contamination : float or "auto", default 0.1
        scikit-learn's: the share of the baseline that `detect_outliers` would call outliers, up to 0.5.
    random_state : int, default 0
        Seed of the forest; the same seed and baseline give the same scores.
    log : bool, default True
        Whether `detect_outliers` logs ``outliers.count`` and ``outliers.ratio`` to MLflow.
    subject : str, optional
        Whose monitoring run to log to when no MLflow run is active; this host by default.

    Attributes
    ----------
    contamination, random_state, log, subject
        As given.

    Raises
    ------
    InputError
        If `contamination` is not "auto" or in (0, 0.5].

    References
    ----------
    Liu, Ting and Zhou, "Isolation Forest", ICDM 2008; `sklearn.ensemble.IsolationForest`.

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
        random_state: int = 0,
        log: bool = True,
        subject: str | None = None,
    ) -> None:
        if contamination != "auto" and not 0.0 < contamination <= 0.5:
            raise InputError(
                f"contamination is {contamination!r}; give a share above 0 and up to 0.5, or 'auto'"
            )
        self.contamination = contamination
        self.random_state = random_state
        self.log = log
        self.subject = subject
        self._encoder: Encoder | None = None
        self._forest: IsolationForest | None = None
        self._scores: ForestScores | None = None
        self._baseline_scores: Floats = np.empty(0)
        self._threshold: float | None = None

    def fit(self, data: object) -> OutlierDetector:
        """Learn what is normal.

        Parameters
        ----------
        data : table or array, shape (n, k) or (n,)
            The baseline: NumPy, pandas, Polars, Arrow, a mapping of names to arrays, or lists.

        Returns
        -------
        OutlierDetector
            This detector.

        Raises
        ------
        InputError
            If there is no row or no value.
        """
        from sklearn.ensemble import IsolationForest

        encoder = Encoder.of(data)
        matrix = encoder.encode(data)
        forest = IsolationForest(contamination=self.contamination, random_state=self.random_state).fit(matrix)
        self._encoder, self._forest, self._scores = encoder, forest, ForestScores(forest)
        scores = np.sort(self._scores.score(matrix))
        places = np.linspace(0, len(scores) - 1, min(len(scores), _MOST_SCORES)).round().astype(np.intp)
        self._baseline_scores = scores[places]
        self._threshold = None
        return self

    def detect_outliers(self, data: object) -> OutlierResult:
        """Return the rows that scikit-learn's own threshold, set by `contamination`, calls outliers.

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
        encoder, forest, scorer = self._fitted()
        matrix = encoder.encode(data)
        if not len(matrix):
            raise InputError("got no rows; give at least one row to look at")
        scores = scorer.score(matrix)
        places = np.flatnonzero(scores - forest.offset_ < 0)
        result = OutlierResult(
            outlier_indices=places,
            outlier_scores=scores[places],
            total_outliers=len(places),
            rows=len(scores),
            ratio=len(places) / len(scores),
            missing_rows=int(np.isnan(matrix).any(axis=1).sum()),
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
            scikit-learn's ``score_samples``: -1 (isolated at once) to 0; lower is stranger.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        encoder, _, scorer = self._fitted()
        return scorer.score(encoder.encode(data))

    def calibrate(self, budget_share: float) -> float:
        """Set the threshold of `flag` from the baseline's own scores.

        Parameters
        ----------
        budget_share : float
            The share of the baseline's rows that may lie below the threshold, 0 to 1; with 0 only rows that
            are stranger than all of the baseline are flagged.

        Returns
        -------
        float
            The threshold: the largest score with at most that share of the baseline strictly below (to within
            0.01 %, where the baseline has more than 10,001 rows).

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
        last = len(self._baseline_scores) - 1
        self._threshold = float(self._baseline_scores[min(int(budget_share * (last + 1)), last)])
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
        scores = self.score(data)
        if self._threshold is None:
            raise NotFittedError("there is no calibrated threshold yet; call calibrate(0.01) first")
        return scores < self._threshold

    def to_bytes(self) -> bytes:
        """Return the fitted detector as a file of skops, which unlike a pickle runs no code when it is read.

        Returns
        -------
        bytes
            For `from_bytes`; about 0.6 MB for 20 columns.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        encoder, forest, _ = self._fitted()
        state = {
            "forest": forest,
            "columns": list(encoder.columns),
            "levels": {name: dict(shares) for name, shares in encoder.levels.items()},
            "named": encoder.named,
            "baseline_scores": self._baseline_scores,
            "threshold": self._threshold,
            "log": self.log,
            "subject": self.subject,
        }
        return dump(state)

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
        forest = state["forest"]
        detector = cls(
            forest.contamination, random_state=forest.random_state, log=state["log"], subject=state["subject"]
        )
        detector._encoder = Encoder(tuple(state["columns"]), state["levels"], state["named"])
        detector._forest, detector._scores = forest, ForestScores(forest)
        detector._baseline_scores = state["baseline_scores"]
        detector._threshold = state["threshold"]
        return detector

    def _fitted(self) -> tuple[Encoder, IsolationForest, ForestScores]:
        if self._encoder is None or self._forest is None or self._scores is None:
            raise NotFittedError("the detector has not seen a baseline yet; call fit(data) first")
        return self._encoder, self._forest, self._scores
