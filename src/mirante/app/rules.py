"""Rules that are read again when their file changes; a broken file leaves the last good ones in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from mirante.alerts.config import build_rules
from mirante.app.settings import load_settings
from mirante.errors import ConfigError

if TYPE_CHECKING:
    from mirante.alerts.rules import Rule
    from mirante.app.settings import Settings

__all__ = ["RuleFiles"]

_log = structlog.get_logger("mirante.rules")


class RuleFiles:
    """The files that the rules come from: the config, and the rule file that it names.

    Parameters
    ----------
    settings : Settings
        As the service was started with; only their rules are read again.
    """

    def __init__(self, settings: Settings) -> None:
        self._config, self._origin = settings.file, settings.origin
        self._alerts, self._folder = settings.alerts, settings.folder
        self._locale = settings.locale
        self._stamps: object = self._stamp()
        self.error = ""

    def _stamp(self) -> dict[Path, tuple[int, int] | None]:
        """Return for each file what tells a changed one from the same one."""
        files = [] if self._config is None else [self._config]
        if isinstance(self._alerts.rules, Path):
            files.append(self._folder / self._alerts.rules)
        return {path: _stamp_of(path) for path in files}

    def read_again(self) -> None:
        """Read the files at the next `changed`, whether they look changed or not."""
        self._stamps = None

    def changed(self) -> list[Rule] | None:
        """Return the rules if their files changed and are right, and None otherwise.

        A broken file is logged once, and `error` says what is wrong until it is mended.
        """
        stamps = self._stamp()
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        try:
            if self._config is not None:
                read = load_settings(self._config)
                self._alerts, self._origin = read.alerts, read.origin
                # It may name another rule file by now. The config's stamp stays that of before it was read:
                # what was written meanwhile is read the next time.
                self._stamps = {path: stamps.get(path, new) for path, new in self._stamp().items()}
            rules = build_rules(self._alerts, base=self._folder, locale=self._locale, origin=self._origin)
        except ConfigError as error:
            self.error = str(error)
            _log.error("the rules are broken; those from before stay in force", error=self.error)
            return None
        self.error = ""
        _log.info("read the rules again", rules=len(rules))
        return rules


def _stamp_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
