"""Labels have an order of arrival, for windows to be measured again, and say whether a window has them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns; a label from before counts as seen and matched."""
    op.add_column(
        "mirante_labels", sa.Column("sequence", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    )
    op.add_column(
        "mirante_labels", sa.Column("matched", sa.Boolean, nullable=False, server_default=sa.false())
    )
    # what was there was measured with its windows, or belongs to nobody: neither is news
    op.execute(sa.text("UPDATE mirante_labels SET matched = :yes").bindparams(yes=True))
    op.create_index("mirante_labels_sequence", "mirante_labels", ["model_id", "sequence"])
    op.create_index(
        "mirante_labels_unmatched",
        "mirante_labels",
        ["model_id", "arrived"],
        sqlite_where=sa.text("matched = 0"),
        postgresql_where=sa.text("NOT matched"),
    )
