"""Recording a share of the predictions: which ones, and how all of them are counted all the same."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa

from mirante.inference_log.kinds import ROWS

__all__ = ["Sampler", "chosen"]


def chosen(row_id: str, share: float) -> bool:
    """Return whether a prediction is among the share that is recorded.

    It depends on the id alone: every process, and every later run over the same predictions, takes the same
    ones, and those of a smaller share are among those of a larger.

    Parameters
    ----------
    row_id : str
        Of the prediction.
    share : float
        From 0 to 1.

    Examples
    --------
    >>> sum(chosen(f"id-{number}", 0.1) for number in range(10_000))
    971
    """
    lot = blake2b(row_id.encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(lot) < share * 2.0**64


class Sampler:
    """Takes a share of each table's rows; each one taken stands for those before it that were not.

    Parameters
    ----------
    share : float
        From 0 to 1; with 1 tables come back as they are.

    Attributes
    ----------
    passed : int
        Rows that were not taken.

    Notes
    -----
    A row that is taken has in the column ``__rows`` how many predictions it stands for, itself included, so
    their sum is the number of all predictions, but for those after the last one that was taken.

    Examples
    --------
    >>> sampler = Sampler(0.5)
    >>> sampler.take("1", pa.table({"__id": ["a", "b", "c", "d", "e", "f"]})).to_pydict()
    {'__id': ['a', 'c', 'e', 'f'], '__rows': [1, 2, 2, 1]}
    >>> sampler.passed
    2
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self.passed = 0
        self._carried: dict[str, int] = {}

    def take(self, version: str, table: pa.Table) -> pa.Table:
        """Return the rows of a version's table that are recorded.

        Parameters
        ----------
        version : str
            Of the model; rows that are passed over are carried to the next of the same version.
        table : pyarrow.Table
            With ``__id``.
        """
        if self.share >= 1.0:
            return table
        ids = table["__id"].to_pylist()
        places = np.flatnonzero([chosen(row_id or "", self.share) for row_id in ids])
        before = -1 - self._carried.get(version, 0)
        weights = np.diff(places, prepend=before)
        self._carried[version] = len(ids) - 1 - (int(places[-1]) if len(places) else before)
        self.passed += len(ids) - len(places)
        return table.take(pa.array(places)).append_column(ROWS, pa.array(weights, pa.int64()))
