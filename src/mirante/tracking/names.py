"""Names of metrics in MLflow: any text becomes a key that MLflow takes, and comes back.

MLflow takes letters, digits and ``_ - . / :`` and the space, at most 250 characters, and refuses what is
not a clean path (``a//b``, ``/a``, ``..``). We keep ASCII letters and digits, ``_ - . /`` and the space:
servers on Windows refuse the colon, and MySQL takes ``preço`` and ``preco`` for the same key. Everything
else is written ``_x`` + its code point in hexadecimal + ``_``, as .NET writes XML names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from mirante.readings import READINGS, Reading

__all__ = ["MAX_KEY", "decode_key", "encode_key", "reading_key"]

MAX_KEY = 250
"""The longest key that MLflow takes."""

_REFUSED = re.compile(r"[^A-Za-z0-9_\-. /]")
_LOOKS_ENCODED = re.compile(r"_(?=xs?[0-9a-f]*_)")
_ENCODED = re.compile(r"_x([0-9a-f]*)_")
_SUBJECT_LABELS: Mapping[str, tuple[str, ...]] = {
    "model": ("model", "alias", "version"),
    "host": ("host",),
    "experiment": ("experiment",),
    "table": ("table",),
}


def _hex(text: str) -> str:
    return f"_x{ord(text):x}_"


def _encode_part(part: str, *, slash: bool) -> str:
    """Encode what stands between two slashes; with `slash`, a slash inside is encoded as well."""
    if part == "":
        return "_x_"
    escaped = _LOOKS_ENCODED.sub("_x5f_", part)
    escaped = _REFUSED.sub(lambda match: _hex(match[0]), escaped)
    if slash:
        escaped = escaped.replace("/", _hex("/"))
    if escaped == "." or escaped.startswith(".."):  # MLflow takes them for steps of a path
        escaped = _hex(".") + escaped[1:]
    return escaped


def _fit(key: str) -> str:
    """Cut a key that is too long, and end it with a digest of the whole, so that two stay two."""
    if len(key) <= MAX_KEY:
        return key
    digest = hashlib.blake2s(key.encode(), digest_size=8).hexdigest()
    return f"{key[: MAX_KEY - len(digest) - 4].rstrip('/')}_xs{digest}_"


def encode_key(text: str) -> str:
    """Return the MLflow metric key for any text.

    Parameters
    ----------
    text : str
        Any name; slashes make groups in MLflow's pages and stay.

    Returns
    -------
    str
        A key of at most 250 characters that MLflow takes. `decode_key` gives the text back, unless the key
        had to be cut: then it ends in ``_xs`` and a digest, which keeps different texts different.

    Examples
    --------
    >>> encode_key("drift_ks/age")
    'drift_ks/age'
    >>> encode_key("price (R$)")
    'price _x28_R_x24__x29_'
    >>> decode_key(encode_key("price (R$)"))
    'price (R$)'
    >>> len(encode_key("a" * 1000))
    250
    """
    return _fit("/".join(_encode_part(part, slash=False) for part in text.split("/")))


def decode_key(key: str) -> str:
    """Return the text that `encode_key` was given.

    Parameters
    ----------
    key : str
        A metric key. Keys that `encode_key` did not make come back unchanged as long as nothing in them
        looks encoded.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> decode_key("lat_x20ac_"), decode_key("drift.p_value")
    ('lat€', 'drift.p_value')
    """
    return _ENCODED.sub(lambda match: _character(match[1], match[0]), key)


def _character(digits: str, whole: str) -> str:
    if not digits:
        return ""
    number = int(digits, 16)
    return chr(number) if number <= 0x10FFFF else whole


def reading_key(reading: Reading) -> str:
    """Return the MLflow metric key of a reading, within its subject's monitoring run.

    The labels that name the subject and its version are left out, since the run stands for them. Labels
    that belong to the reading's name come next, in the order of the table `mirante.readings.READINGS`; any
    others follow as ``label/value``, sorted.

    Parameters
    ----------
    reading : Reading
        Any reading.

    Returns
    -------
    str
        A key; two readings of one subject and version with different names or labels have different keys,
        unless their names differ only in ``system_`` and ``system/``.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> at = datetime(2013, 2, 8, tzinfo=UTC)
    >>> reading_key(Reading("drift_ks", 0.1, at, {"model": "m", "alias": "champion", "feature": "age"}))
    'drift_ks/age'
    >>> reading_key(Reading("system_cpu_percent", 9, at, {"host": "web-1"}))
    'system/cpu_percent'
    >>> reading_key(Reading("drift_ks", 0.1, at, {"model": "m", "feature": "age", "slice": "north/south"}))
    'drift_ks/age/slice/north_x2f_south'
    """
    labels = dict(reading.labels)
    for kind, own in _SUBJECT_LABELS.items():
        if kind in labels:
            for label in own:
                labels.pop(label, None)
            break
    known = READINGS.get(reading.name)
    declared = known.labels if known else tuple(label for label in ("feature",) if label in labels)
    values = [labels.pop(label, "") for label in declared]
    while values and not values[-1] and not labels:
        values.pop()
    for label, value in sorted(labels.items()):
        values += [label, value]
    name = _encode_part(reading.name, slash=True)
    if name.startswith("system_") and name != "system_":
        name = "system/" + name.removeprefix("system_")
    return _fit("/".join([name, *(_encode_part(value, slash=True) for value in values)]))
