"""What of a row reaches the disk: columns that are left out, and columns of which a keyed hash is kept."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mirante.errors import ConfigError, InputError
from mirante.inference_log.canonical import canonical

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import SecretStr

__all__ = ["Action", "Privacy", "check_columns", "check_share", "marks"]

Action = Literal["drop", "hash"]

_SHORTEST_KEY = 16
_DIGEST = 32  # hexadecimal digits, 128 bits: no two of 2**40 values share one by chance


class Privacy:
    """Leaves columns out, and replaces the values of others by a keyed hash, before anything is written.

    The same value gives the same hash as long as the key is the same, so that a column still tells rows of
    one person from those of another, joins, and finds rows to delete. Without the key nobody can try values.

    Parameters
    ----------
    drop : iterable of str
        Columns of which nothing is kept.
    hash : iterable of str
        Columns of which 32 hexadecimal digits are kept: the first half of HMAC-SHA-256 of the value as text.
        Missing values stay missing; 7, 7.0 and ``"7"`` are one value.
    key : str, optional
        The key, at least 16 characters, or ``env:NAME``. Needed for `hash`.
    key_file : path, optional
        A file that holds it.
    environ : mapping, optional
        ``os.environ`` when not given.

    Raises
    ------
    ConfigError
        If a column is in both, is one of the log's own, or the key is missing, short or cannot be read.

    Examples
    --------
    >>> privacy = Privacy(drop=["name"], hash=["customer"], key="correct horse battery")
    >>> privacy.apply({"name": ["Ada"], "customer": [7], "age": [36]}).to_pydict()
    {'customer': ['b99a368c44bbe377826f5837d7269db4'], 'age': [36]}
    >>> privacy.digest("7") == privacy.digest(7.0), privacy
    (True, Privacy(drop=['name'], hash=['customer']))
    """

    __slots__ = ("_key", "_seen", "drop", "hash")

    def __init__(
        self,
        *,
        drop: Iterable[str] = (),
        hash: Iterable[str] = (),  # noqa: A002 - the word that the config has
        key: str | SecretStr | None = None,
        key_file: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(drop, str) or isinstance(hash, str):
            raise ConfigError("drop and hash are lists of column names; got a single text")
        self.drop, self.hash = frozenset(map(str, drop)), frozenset(map(str, hash))
        self._seen: set[str] = set()
        check_columns(self.drop, self.hash)
        from mirante.secrets import (
            read_secret,
        )  # loads pydantic, which a recorder without secrets does not need

        secret = read_secret("key", key, key_file, environ)
        if self.hash and secret is None:
            raise ConfigError(
                f"the columns {sorted(self.hash)} are to be hashed and there is no key; give key (env:NAME) "
                "or key_file"
            )
        self._key = b"" if secret is None else secret.get_secret_value().encode()
        if secret is not None and len(self._key) < _SHORTEST_KEY:
            raise ConfigError(f"the key is shorter than {_SHORTEST_KEY} characters; make one by chance")

    def __repr__(self) -> str:
        return f"Privacy(drop={sorted(self.drop)}, hash={sorted(self.hash)})"

    @property
    def columns(self) -> frozenset[str]:
        """Every column that is dropped or hashed."""
        return self.drop | self.hash

    @property
    def unseen(self) -> frozenset[str]:
        """Of those, the ones that no row has had so far."""
        return self.columns - self._seen

    def action(self, column: Any) -> Action | None:
        """Return what happens to a column; None when it is kept as it is.

        Parameters
        ----------
        column : object
            Its name as the caller has it; compared as text.
        """
        name = str(column)
        if name in self.drop or name in self.hash:
            self._seen.add(name)
        return "drop" if name in self.drop else "hash" if name in self.hash else None

    def digest(self, value: Any) -> str | None:
        """Return what is kept of a value of a hashed column.

        Parameters
        ----------
        value : object
            Any; None, NaN and NaT are missing.

        Returns
        -------
        str or None
            32 hexadecimal digits; None for a missing value.

        Raises
        ------
        ConfigError
            Without a key.
        """
        if not self._key:
            raise ConfigError("there is no key; give key (env:NAME) or key_file")
        text = canonical(value)
        if text is None:
            return None
        return hmac.digest(self._key, text.encode("utf-8", "backslashreplace"), "sha256").hex()[:_DIGEST]

    def digests(self, values: Iterable[Any]) -> list[str | None]:
        """Return `digest` of each value; one that repeats is computed once.

        Parameters
        ----------
        values : iterable of object
            As for `digest`.

        Returns
        -------
        list of str or None
            One each.
        """
        known: dict[tuple[type, Any], str | None] = {}
        found = []
        for value in values:
            try:
                same = (type(value), value)
                if same not in known:
                    known[same] = self.digest(value)
                found.append(known[same])
            except TypeError:  # a list or a mapping: nothing to look up by
                found.append(self.digest(value))
        return found

    def apply(self, table: Any) -> pa.Table:
        """Return a whole table as the log would hold it: for baselines, and for what is compared with them.

        Parameters
        ----------
        table : pandas, Polars or Arrow table, mapping of arrays, or list of mappings
            Whatever `Recorder.log` takes as a batch.

        Returns
        -------
        pyarrow.Table
            Without the dropped columns, and with the hashes of the hashed ones as text.
        """
        from mirante.capture.tables import features_of

        return self.hashed(features_of(table, None, lambda *_: None, self))

    def hashed(self, table: pa.Table) -> pa.Table:
        """Replace the columns that a recorder has marked by their hashes.

        Parameters
        ----------
        table : pyarrow.Table
            Of a recorder's queue.

        Returns
        -------
        pyarrow.Table
            The same for a table without marks.
        """
        import pyarrow as pa

        for place, field in enumerate(table.schema):
            if MARK in (field.metadata or {}):
                digests = self.digests(table.column(place).to_pylist())
                table = table.set_column(place, field.name, pa.array(digests, pa.string()))
        return table


MARK = b"mirante.hash"
"""Metadata of an Arrow field whose values are to be hashed by the thread that writes."""


def check_columns(drop: frozenset[str], hashed: frozenset[str]) -> None:
    """Refuse columns that are in both, or are the log's own.

    Raises
    ------
    ConfigError
        Naming them.
    """
    if both := sorted(drop & hashed):
        raise ConfigError(f"the columns {both} are in both drop and hash; keep each in one")
    if own := sorted(name for name in drop | hashed if name.startswith("__")):
        raise ConfigError(
            f"{own} are no columns of a model's input; give predictions ids that mean nothing elsewhere"
        )


def check_share(value: Any) -> float:
    """Return a share of the predictions that can be recorded.

    Raises
    ------
    InputError
        If it is not over 0 and up to 1.
    """
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = math.nan
    if not 0.0 < share <= 1.0:
        raise InputError(f"sample is {value!r}; give the share of predictions to record, over 0 and up to 1")
    return share


def marks(names: Sequence[Any], privacy: Privacy | None) -> list[Action | None]:
    """Return the action for each of some columns, by the names that the caller has for them."""
    return [None if privacy is None else privacy.action(name) for name in names]
