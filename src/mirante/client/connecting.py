"""From an address, a path or nothing to what can be read there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mirante.app.settings import Settings, default_settings, load_settings
from mirante.client.monitoring import Monitoring
from mirante.client.service import ServiceBackend
from mirante.client.stored import StoreBackend
from mirante.errors import InputError
from mirante.store import Store

__all__ = ["backend_at", "connect"]

_FILE = "mirante.yaml"


def connect(target: str | Path | None = None, *, token: str | None = None) -> Monitoring:
    """Return a read-only view of what Mirante knows, for notebooks: everything comes as a pandas DataFrame.

    Parameters
    ----------
    target : str or Path, optional
        ``http://…`` or ``https://…``, a running service; ``sqlite:///…`` or ``postgresql://…``, a store; a
        ``mirante.yaml``, the folder of one, or the file of a store. Without it, what the commands take:
        ``MIRANTE_CONFIG``, else the ``mirante.yaml`` of this folder, else ``mirante.db`` in it.
    token : str, optional
        Of the service; ``MIRANTE_TOKEN`` by default. It is not sent to a store, and never shown.

    Returns
    -------
    Monitoring
        To be closed, or used in a ``with`` block.

    Raises
    ------
    InputError
        If there is nothing at that place; none is made.
    ConfigError
        If the config is wrong.
    StoreError
        If the store cannot be read, or the service does not answer.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import datetime, UTC
    >>> from mirante import Reading, Store, connect
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Store(f"sqlite:///{folder}/mirante.db") as store:
    ...         time = datetime(2013, 2, 8, tzinfo=UTC)
    ...         _ = store.readings.write([Reading("system_cpu_percent", 93.0, time, {"host": "web-1"})])
    ...     with connect(f"sqlite:///{folder}/mirante.db") as mirante:
    ...         print(mirante.readings("system_cpu_percent")[["name", "value", "host"]])
                     name  value   host
    0  system_cpu_percent   93.0  web-1
    """
    return Monitoring(backend_at(target, token))


def backend_at(target: str | Path | None, token: str | None) -> ServiceBackend | StoreBackend:
    """Return what reads and writes at a place; see `connect` for the arguments and what it raises."""
    text = str(target) if target is not None else None
    if text is not None and text.startswith(("http://", "https://")):
        return ServiceBackend(text, token or os.environ.get("MIRANTE_TOKEN") or None)
    found = _settings_or_url(text, os.environ)
    if isinstance(found, str):
        return StoreBackend(Store.existing(found))
    named = {one.model for one in found.models}
    return StoreBackend(Store.existing(found.store_address(os.environ)), named)


def _settings_or_url(target: str | None, environ: Mapping[str, str]) -> Settings | str:
    if target is not None and "://" in target:
        return target
    path = Path(target or environ.get("MIRANTE_CONFIG") or ".").expanduser()
    if path.is_dir():
        file = path / _FILE
        if not file.is_file():
            if target is not None:
                raise InputError(
                    f"there is no {_FILE} in {path}; name a store, a config or a service's address"
                )
            return default_settings(environ=environ)
        path = file
    if not path.is_file():
        raise InputError(f"{path} is not there; name a store, a config or a service's address")
    if path.suffix in {".yaml", ".yml"}:
        return load_settings(path, environ=environ)
    return f"sqlite:///{path}"
