"""What the page of the store's state asks for, so that nothing has to be counted there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNT = """
INSERT INTO mirante_counters (name, value)
SELECT 'readings_rows', count(*) FROM mirante_readings
"""
# Of each series the first, which is one step each: the oldest of all has no index.
_OLDEST = """
INSERT INTO mirante_counters (name, value)
SELECT 'readings_first', min(ends.first) FROM (
    SELECT (SELECT min(own.time) FROM mirante_readings AS own WHERE own.series_id = every.id) AS first
    FROM mirante_series AS every
) AS ends
HAVING min(ends.first) IS NOT NULL
"""


def upgrade() -> None:
    """Count the readings, once for all, and create the indexes by which channels are told apart."""
    op.execute(_COUNT)
    op.execute(_OLDEST)
    op.create_index("mirante_notices_delivered", "mirante_notices", ["channel", "delivered_at"])
    failed = sa.text("error IS NOT NULL")
    op.create_index(
        "mirante_notices_failed",
        "mirante_notices",
        ["channel", "created_at"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
