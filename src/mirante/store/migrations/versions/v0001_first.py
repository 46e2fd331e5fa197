"""The first schema. Never edited: later changes get files of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _key(name: str, kind: Any, *more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, primary_key=True, autoincrement=False)


def _row_id() -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, primary_key=True, autoincrement=True)


def _readings() -> None:
    op.create_table(
        "mirante_series",
        _row_id(),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        _needed("name", sa.Text),
        _needed("labels", sa.Text),
        _needed("subject", sa.Text),
    )
    op.create_index("mirante_series_subject", "mirante_series", ["subject", "name"])
    op.create_index("mirante_series_name", "mirante_series", ["name"])
    op.create_table(
        "mirante_readings",
        _key("series_id", sa.BigInteger, sa.ForeignKey("mirante_series.id")),
        _key("time", sa.BigInteger),
        sa.Column("value", sa.Float(53)),
        _needed("note", sa.Text),
        _needed("sequence", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("mirante_readings_sequence", "mirante_readings", ["sequence"], unique=True)
    op.create_table("mirante_counters", _key("name", sa.Text), _needed("value", sa.BigInteger))


def _windows() -> None:
    op.create_table(
        "mirante_windows",
        _key("subject", sa.Text),
        _key("start", sa.BigInteger),
        _key("version", sa.Text),
        _needed("end", sa.BigInteger),
        _needed("rows", sa.BigInteger),
        _needed("late", sa.BigInteger),
        _needed("closed", sa.Boolean),
        _needed("verdicts", sa.Text),
        _needed("profile", sa.LargeBinary),
    )
    op.create_table(
        "mirante_baselines",
        _key("subject", sa.Text),
        _key("version", sa.Text),
        _needed("created", sa.BigInteger),
        _needed("rows", sa.BigInteger),
        _needed("profile", sa.LargeBinary),
        _needed("source", sa.Text),
    )


def _labels() -> None:
    op.create_table(
        "mirante_label_models",
        _row_id(),
        sa.Column("model", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "mirante_labels",
        _key("model_id", sa.BigInteger, sa.ForeignKey("mirante_label_models.id")),
        _key("id", sa.Text),
        sa.Column("number", sa.Float(53)),
        sa.Column("text", sa.Text),
        _needed("arrived", sa.BigInteger),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_table(
        "mirante_events",
        _row_id(),
        _needed("subject", sa.Text),
        _needed("time", sa.BigInteger),
        _needed("kind", sa.Text),
        _needed("text", sa.Text),
        _needed("data", sa.Text),
    )
    op.create_index("mirante_events_subject", "mirante_events", ["subject", "time"])
    op.create_index("mirante_events_time", "mirante_events", ["time"])
    op.create_table("mirante_cursors", _key("name", sa.Text), _needed("value", sa.Text))


def _alerts() -> None:
    op.create_table(
        "mirante_alerts",
        _key("id", sa.Text),
        *(_needed(name, sa.Text) for name in ("rule", "labels", "subject", "severity", "state")),
        _needed("active_at", sa.BigInteger),
        *(
            sa.Column(name, sa.BigInteger)
            for name in ("fired_at", "resolved_at", "keep_firing_since", "last_seen_at")
        ),
        sa.Column("value", sa.Text),
        sa.Column("fired_value", sa.Text),
        sa.Column("reading_time", sa.BigInteger),
        _needed("summary", sa.Text),
        _needed("note", sa.Text),
        _needed("historic", sa.Boolean),
    )
    op.create_index("mirante_alerts_state", "mirante_alerts", ["state"])
    op.create_index("mirante_alerts_active", "mirante_alerts", ["active_at"])
    op.create_index("mirante_alerts_subject", "mirante_alerts", ["subject", "active_at"])


def _outbox() -> None:
    op.create_table(
        "mirante_notices",
        _key("id", sa.Text),
        _needed("channel", sa.Text),
        _needed("reason", sa.Text),
        _needed("created_at", sa.BigInteger),
        _needed("next_at", sa.BigInteger),
        _needed("attempts", sa.Integer),
        _needed("status", sa.Text),
        sa.Column("claimed_by", sa.Text),
        sa.Column("claimed_until", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("delivered_at", sa.BigInteger),
        _needed("alert_ids", sa.Text),
        _needed("payload", sa.Text),
    )
    op.create_index("mirante_notices_status", "mirante_notices", ["status", "next_at"])
    op.create_index("mirante_notices_created", "mirante_notices", ["created_at"])
    op.create_table(
        "mirante_notice_alerts",
        _key("alert_id", sa.Text),
        _key("notice_id", sa.Text, sa.ForeignKey("mirante_notices.id", ondelete="CASCADE")),
    )
    op.create_index("mirante_notice_alerts_notice", "mirante_notice_alerts", ["notice_id"])


_STEPS: tuple[Callable[[], None], ...] = (_readings, _windows, _labels, _events, _alerts, _outbox)


def upgrade() -> None:
    """Create all tables."""
    for step in _STEPS:
        step()
