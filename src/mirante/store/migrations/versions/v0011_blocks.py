"""Old readings lie in blocks, many of one series in a row; the service makes them bit by bit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, which is empty at first."""
    series = sa.ForeignKey("mirante_series.id")
    op.create_table(
        "mirante_blocks",
        sa.Column("series_id", sa.BigInteger, series, primary_key=True, autoincrement=False),
        sa.Column("last_time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first_time", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("times", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
