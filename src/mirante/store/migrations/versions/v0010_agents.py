"""Agents on other hosts: what is heard of them, the windows that they counted, and what they are to count."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the three tables."""
    postgres = op.get_context().dialect.name == "postgresql"
    text = sa.Text(collation="C") if postgres else sa.Text()

    def needed(name: str, kind: Any) -> sa.Column[Any]:
        return sa.Column(name, kind, nullable=False)

    def key(name: str, kind: Any) -> sa.Column[Any]:
        return sa.Column(name, kind, primary_key=True, autoincrement=False)

    op.create_table(
        "mirante_agents",
        key("name", text),
        needed("instance", text),
        needed("sequence", sa.BigInteger),
        needed("checksum", sa.BigInteger),
        needed("heard_at", sa.BigInteger),
        needed("about", text),
        needed("marks", text),
    )
    op.create_table(
        "mirante_agent_jobs",
        key("subject", text),
        key("version", text),
        needed("digest", text),
        needed("about", text),
        needed("baseline", sa.LargeBinary),
    )
    op.create_table(
        "mirante_window_parts",
        key("subject", text),
        key("version", text),
        key("start", sa.BigInteger),
        key("agent", text),
        needed("end", sa.BigInteger),
        needed("rows", sa.BigInteger),
        needed("sequence", sa.BigInteger),
        needed("content", sa.LargeBinary),
    )
    op.create_index("mirante_window_parts_sequence", "mirante_window_parts", ["sequence"], unique=True)
