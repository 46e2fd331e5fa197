"""What people and groups add to alerts: groups, silences, acknowledgements, proposals; the tally's index."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=True, autoincrement=False)


def upgrade() -> None:
    """Create the tables, and the index by which notices are counted."""
    op.create_table(
        "mirante_groups",
        _key("key"),
        _needed("channel", sa.Text),
        _needed("labels", sa.Text),
        _needed("created_at", sa.BigInteger),
        sa.Column("flush_at", sa.BigInteger),
        sa.Column("told_at", sa.BigInteger),
        _needed("firing", sa.Text),
        _needed("reminders", sa.Integer),
        _needed("thread", sa.Text),
    )
    op.create_table(
        "mirante_silences",
        _key("id"),
        _needed("matchers", sa.Text),
        _needed("starts_at", sa.BigInteger),
        _needed("ends_at", sa.BigInteger),
        _needed("author", sa.Text),
        _needed("comment", sa.Text),
        _needed("created_at", sa.BigInteger),
        sa.Column("replaces", sa.Text),
    )
    op.create_index("mirante_silences_end", "mirante_silences", ["ends_at"])
    op.create_table(
        "mirante_acknowledgements",
        _key("alert_id"),
        _needed("author", sa.Text),
        _needed("time", sa.BigInteger),
        _needed("note", sa.Text),
    )
    op.create_table(
        "mirante_proposals",
        _key("id"),
        _needed("kind", sa.Text),
        _needed("subject", sa.Text),
        _needed("state", sa.Text),
        _needed("created_at", sa.BigInteger),
        sa.Column("alert_id", sa.Text),
        _needed("text", sa.Text),
        _needed("data", sa.Text),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("author", sa.Text),
        sa.Column("reason", sa.Text),
    )
    op.create_index("mirante_notices_tally", "mirante_notices", ["channel", "status", "attempts"])
    op.create_index("mirante_proposals_state", "mirante_proposals", ["state", "created_at"])
