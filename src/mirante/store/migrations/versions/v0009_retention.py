"""What is kept long takes less space: common parts of profiles once, no order of arrival of old readings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of common parts, and keep in the order of arrival what arrives."""
    op.create_table(
        "mirante_profile_parts",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    arrives = sa.text("sequence > 0")
    op.drop_index("mirante_readings_sequence", "mirante_readings")
    op.create_index(
        "mirante_readings_sequence",
        "mirante_readings",
        ["sequence"],
        unique=True,
        sqlite_where=arrives,
        postgresql_where=arrives,
    )
