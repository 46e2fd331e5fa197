"""Text is ordered alike on both databases: PostgreSQL's own order depends on the language of the server."""

from __future__ import annotations

from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = {
    "mirante_series": "name labels subject",
    "mirante_readings": "note",
    "mirante_counters": "name",
    "mirante_windows": "subject version verdicts",
    "mirante_baselines": "subject version source",
    "mirante_label_models": "model",
    "mirante_labels": "id text",
    "mirante_events": "subject kind text data",
    "mirante_cursors": "name value",
    "mirante_alerts": "id rule labels subject severity state value fired_value summary note",
    "mirante_notices": "id channel reason status claimed_by error alert_ids payload",
    "mirante_notice_alerts": "alert_id notice_id",
    "mirante_groups": "key channel labels firing thread",
    "mirante_silences": "id matchers author comment replaces",
    "mirante_acknowledgements": "alert_id author note",
    "mirante_proposals": "id kind subject state alert_id text data author reason",
}


def upgrade() -> None:
    """Give each column of text the order of its characters' numbers, which SQLite's have already."""
    if op.get_context().dialect.name != "postgresql":
        return
    for table, columns in _TEXTS.items():
        changes = [f'ALTER COLUMN "{name}" TYPE TEXT COLLATE "C"' for name in columns.split()]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")
