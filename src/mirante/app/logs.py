"""How the service's own log lines look."""

from __future__ import annotations

import logging
import sys

import structlog

__all__ = ["configure_logs"]


def configure_logs(level: int = logging.INFO) -> None:
    """Write log lines to standard error: readable on a terminal, JSON otherwise; other libraries' warnings.

    Parameters
    ----------
    level : int
        The lowest level of ours that is written.
    """
    terminal = sys.stderr.isatty()
    plain = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False))
    ending = (structlog.dev.ConsoleRenderer(),) if terminal else plain
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
