"""Of two services on one store one does the work: a row says which, and for how long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the first service that starts makes its row."""
    collation = "C" if op.get_context().dialect.name == "postgresql" else None
    op.create_table(
        "mirante_leases",
        sa.Column("name", sa.Text(collation=collation), primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text(collation=collation), nullable=False),
        sa.Column("host", sa.Text(collation=collation), nullable=False),
        sa.Column("process", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
    )
