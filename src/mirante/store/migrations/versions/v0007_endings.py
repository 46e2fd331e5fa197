"""Series that nobody writes any more are marked as ended: no alert waits for them, no scrape shows them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when a series ended, and why; all that are there go on."""
    collation = "C" if op.get_context().dialect.name == "postgresql" else None
    op.add_column("mirante_series", sa.Column("ended", sa.BigInteger))
    op.add_column("mirante_series", sa.Column("end_reason", sa.Text(collation=collation)))
    some = sa.text("ended IS NOT NULL")
    op.create_index(
        "mirante_series_ended", "mirante_series", ["ended"], sqlite_where=some, postgresql_where=some
    )
