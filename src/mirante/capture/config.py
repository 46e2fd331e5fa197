"""The part of the config that says what of a model's predictions is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from mirante.capture.privacy import Privacy, check_columns, check_share
from mirante.secrets import SecretFile

__all__ = ["PrivacyConfig"]


class PrivacyConfig(BaseModel):
    """The entry ``privacy:`` of a model.

    Parameters
    ----------
    drop, hash : sequence of str
        Columns: see `Privacy`.
    key, key_file : str, Path, optional
        Where the key of the hashes is: ``env:NAME``, or a file.
    sample : float
        Share of the predictions that is recorded, over 0 and up to 1.

    Examples
    --------
    >>> config = PrivacyConfig(drop=["name"], sample=0.1)
    >>> config.build(Path(), {})
    Privacy(drop=['name'], hash=[])
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    key: SecretStr | None = None
    key_file: SecretFile | None = None
    sample: float = 1.0

    @field_validator("sample")
    @classmethod
    def _is_share(cls, value: float) -> float:
        return check_share(value)

    @field_validator("hash")
    @classmethod
    def _columns_are_apart(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        check_columns(frozenset(info.data.get("drop", ())), frozenset(value))
        return value

    def plain(self, base: Path) -> dict[str, Any]:
        """Return it as plain values, for a process of one's own; `key_file` is absolute then.

        Parameters
        ----------
        base : Path
            Folder that `key_file` is relative to.
        """
        return {
            "drop": list(self.drop),
            "hash": list(self.hash),
            "key": None if self.key is None else self.key.get_secret_value(),
            "key_file": None if self.key_file is None else str((base / self.key_file).absolute()),
            "sample": self.sample,
        }

    def build(self, base: Path, environ: Mapping[str, str] | None = None) -> Privacy:
        """Return what `mirante.Recorder` takes as ``privacy``.

        Parameters
        ----------
        base : Path
            Folder that `key_file` is relative to.
        environ : mapping, optional
            ``os.environ`` when not given.

        Raises
        ------
        ConfigError
            If the key is missing or cannot be read.
        """
        file = None if self.key_file is None else base / self.key_file
        return Privacy(drop=self.drop, hash=self.hash, key=self.key, key_file=file, environ=environ)
