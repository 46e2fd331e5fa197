"""How the service's own log lines look."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

__all__ = ["configure_logs"]


# names come from anywhere: what turns a line round, ends it or moves a terminal's cursor is written out
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def _written_out(text: str) -> str:
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _as_json(event: Any, **options: Any) -> str:
    return _written_out(json.dumps(event, ensure_ascii=False, **options))


def _visible(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {key: _written_out(value) if isinstance(value, str) else value for key, value in event.items()}


def configure_logs(level: int = logging.INFO) -> None:
    """Write log lines to standard error: readable on a terminal, JSON otherwise; other libraries' warnings.

    Parameters
    ----------
    level : int
        The lowest level of ours that is written.
    """
    terminal = sys.stderr.isatty()
    plain = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_as_json))
    ending = (_visible, structlog.dev.ConsoleRenderer()) if terminal else plain
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for name in ("mlflow", "alembic", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
