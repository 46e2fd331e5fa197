"""Which config is meant, and which store it names: known before all that a service imports is loaded."""

from __future__ import annotations

from pathlib import Path

from mirante.errors import ConfigError
from mirante.yaml_file import read_yaml

__all__ = ["DEFAULT_STORE", "SQLITE", "find_config", "store_file_of"]

SQLITE = "sqlite:///"
DEFAULT_STORE = f"{SQLITE}mirante.db"


def find_config(given: Path | None, folder: Path) -> Path | None:
    """Return the config that is meant: the one that was given, else the ``mirante.yaml`` of a folder.

    Parameters
    ----------
    given : Path, optional
        By an option, or by ``MIRANTE_CONFIG``.
    folder : Path
        Where else to look.

    Returns
    -------
    Path or None
        None when neither is there.

    Examples
    --------
    >>> find_config(Path("other.yaml"), Path()).name
    'other.yaml'
    """
    here = folder / "mirante.yaml"
    return given or (here if here.is_file() else None)


def store_file_of(config: Path | None) -> Path | None:
    """Return the file that a config has the store in, without checking anything else of it.

    Parameters
    ----------
    config : Path, optional
        A ``mirante.yaml``; what holds without any when None.

    Returns
    -------
    Path or None
        None when it is on a server, and when the config cannot be read, which is told when it is checked.

    Examples
    --------
    >>> store_file_of(None).name
    'mirante.db'
    """
    store, folder = DEFAULT_STORE, Path.cwd()
    if config is not None:
        folder = config.absolute().parent
        try:
            data = read_yaml(config).data
        except ConfigError:
            return None
        store = data.get("store", DEFAULT_STORE) if isinstance(data, dict) else DEFAULT_STORE
    if not isinstance(store, str) or not store.startswith(SQLITE):
        return None
    return folder / store.removeprefix(SQLITE)
