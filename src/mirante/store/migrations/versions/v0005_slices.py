"""The slices of windows: a table beside that of the windows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and the index by which a page reads it."""
    postgres = op.get_context().dialect.name == "postgresql"
    text = sa.Text(collation="C") if postgres else sa.Text()

    def needed(name: str, kind: Any) -> sa.Column[Any]:
        return sa.Column(name, kind, nullable=False)

    def key(name: str, kind: Any) -> sa.Column[Any]:
        return sa.Column(name, kind, primary_key=True, autoincrement=False)

    op.create_table(
        "mirante_slice_windows",
        key("subject", text),
        key("version", text),
        key("key", text),
        key("value", text),
        key("start", sa.BigInteger),
        needed("end", sa.BigInteger),
        needed("rows", sa.BigInteger),
        needed("closed", sa.Boolean),
        needed("label", text),
        needed("columns", sa.Integer),
        needed("drifted", sa.Integer),
        needed("strongest", text),
        sa.Column("effect", sa.Float(53)),
        needed("verdicts", text),
        needed("performance", text),
        needed("profile", sa.LargeBinary),
    )
    op.create_index("mirante_slice_windows_start", "mirante_slice_windows", ["subject", "start"])
