"""Fitted detectors as files of skops, which unlike a pickle run no code when they are read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

from mirante.errors import InputError

__all__ = ["FORMAT", "dump", "load"]

FORMAT = 2  # 1 knew the isolation forest only
_TRUSTED = ["sklearn.tree._tree.Tree"]  # all that a forest needs beyond what skops trusts by itself


def dump(state: Mapping[str, Any]) -> bytes:
    """Return the state of a detector as a file.

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
    """Return the state of a detector from a file.

    Parameters
    ----------
    data : bytes
        What `dump` gave.

    Returns
    -------
    dict
        The state; that of an older format is brought to the newest.

    Raises
    ------
    InputError
        If it is no such file, was written by a newer version, or holds types that a detector does not need.

    Examples
    --------
    >>> load(dump({"threshold": -0.5}))["threshold"]
    -0.5
    """
    from skops.io import get_untrusted_types, loads

    try:
        foreign = sorted(set(get_untrusted_types(data=data)) - set(_TRUSTED))
        state = None if foreign else loads(data, trusted=_TRUSTED)
    except (zipfile.BadZipFile, LookupError, TypeError, ValueError) as error:
        raise InputError(f"these {len(data)} bytes are no saved outlier detector: {error}") from error
    if foreign:
        raise InputError(f"the file holds {foreign}, which no outlier detector needs; it was not read")
    if not isinstance(state, dict) or "format" not in state:
        raise InputError("the file holds no outlier detector; give what OutlierDetector.to_bytes wrote")
    if state["format"] > FORMAT:
        raise InputError(
            f"the detector has format {state['format']}, this Mirante reads up to {FORMAT}; upgrade mirante"
        )
    return _from_first(state) if state["format"] == 1 else state


def _from_first(state: dict[str, Any]) -> dict[str, Any]:
    forest = state["forest"]
    model = {name: state[name] for name in ("forest", "columns", "levels", "named")}
    kept = {name: state[name] for name in ("baseline_scores", "threshold", "log", "subject")}
    return {
        "format": FORMAT,
        "method": "isolation_forest",
        "model": model,
        "contamination": forest.contamination,
        "random_state": forest.random_state,
        "offset": float(forest.offset_),
        **kept,
    }
