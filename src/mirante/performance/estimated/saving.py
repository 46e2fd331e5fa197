"""An estimator as a file of skops, which unlike a pickle runs no code when it is read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

from mirante.errors import InputError

__all__ = ["FORMAT", "dump", "load"]

FORMAT = 1
# all that gradient-boosted trees need beyond what skops trusts by itself
_TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def dump(state: Mapping[str, Any]) -> bytes:
    """Return the state of an estimator as a file.

    Parameters
    ----------
    state : mapping
        scikit-learn objects, arrays, text, numbers.

    Returns
    -------
    bytes
        A compressed file of skops, with the number of its format.
    """
    from skops.io import dumps

    content: bytes = dumps({"format": FORMAT, **state}, compression=zipfile.ZIP_DEFLATED, compresslevel=6)
    return content


def load(data: bytes) -> dict[str, Any]:
    """Return the state of an estimator from a file.

    Parameters
    ----------
    data : bytes
        What `dump` gave.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If it is no such file, is damaged, was written by a newer version, or holds types that no estimator
        needs.

    Examples
    --------
    >>> load(dump({"task": "regression"}))["task"]
    'regression'
    """
    from skops.io import get_untrusted_types, loads

    try:
        foreign = sorted(set(get_untrusted_types(data=data)) - set(_TRUSTED))
        state = None if foreign else loads(data, trusted=_TRUSTED)
    except Exception as error:  # a bit that fell may be any of zlib's, zipfile's, json's or NumPy's errors
        raise InputError(f"these {len(data)} bytes are no saved performance estimator: {error}") from error
    if foreign:
        raise InputError(f"the file holds {foreign}, which no performance estimator needs; it was not read")
    if not isinstance(state, dict) or "format" not in state:
        raise InputError(
            "the file holds no performance estimator; give what PerformanceEstimator.to_bytes wrote"
        )
    if not isinstance(state["format"], int):
        raise InputError(
            f"the estimator's format is {state['format']!r}, not a number: it is damaged; fit it again"
        )
    if state["format"] > FORMAT:
        raise InputError(
            f"the estimator has format {state['format']}, this Mirante reads up to {FORMAT}; upgrade mirante"
        )
    return state
