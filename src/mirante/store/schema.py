"""All tables, as one MetaData. A change here needs a migration beside it, and a new `HEAD`.

Every table carries the prefix ``mirante_``, so that the store can share a database with MLflow.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    false,
    text,
)

from mirante.store.types import AnyText, Json, LongJson, Number, NumberOrNone, UtcTime

__all__ = [
    "HEAD",
    "VERSION_TABLE",
    "acknowledgements",
    "agent_jobs",
    "agents",
    "alerts",
    "baselines",
    "blocks",
    "counters",
    "cursors",
    "events",
    "groups",
    "label_models",
    "labels",
    "leases",
    "metadata",
    "notice_alerts",
    "notices",
    "profile_parts",
    "proposals",
    "readings",
    "series",
    "silences",
    "slice_windows",
    "window_parts",
    "windows",
]

HEAD = "0011"
VERSION_TABLE = "mirante_version"

# SQLite makes a row number of INTEGER keys only, PostgreSQL's INTEGER ends at 2**31.
_RowId = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

series = Table(
    "mirante_series",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    # A digest of name and labels: an index entry of PostgreSQL must stay under 2.7 kB, labels need not.
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("name", AnyText, nullable=False),
    Column("labels", Json, nullable=False),
    Column("subject", AnyText, nullable=False),
    # The place of its end in the order of readings, and why it ended; NULL while it goes on.
    Column("ended", BigInteger),
    Column("end_reason", AnyText),
    Index("mirante_series_subject", "subject", "name"),
    Index("mirante_series_name", "name"),
    Index(
        "mirante_series_ended",
        "ended",
        sqlite_where=text("ended IS NOT NULL"),
        postgresql_where=text("ended IS NOT NULL"),
    ),
)

readings = Table(
    "mirante_readings",
    metadata,
    Column("series_id", BigInteger, ForeignKey("mirante_series.id"), primary_key=True, autoincrement=False),
    Column("time", UtcTime, primary_key=True, autoincrement=False),
    Column("value", Number),
    Column("note", AnyText, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    # Of those that arrive. A reading that sums others up has 0, what a backfill brought a number below.
    Index(
        "mirante_readings_sequence",
        "sequence",
        unique=True,
        sqlite_where=text("sequence > 0"),
        postgresql_where=text("sequence > 0"),
    ),
    sqlite_with_rowid=False,
)

# Old readings, many of one series in a row: see `mirante.store.blocks`. No reading with a row of its own lies
# in the span of a block, and the newest is in none. Who asks wants what ends after a time: so the key.
blocks = Table(
    "mirante_blocks",
    metadata,
    Column("series_id", BigInteger, ForeignKey("mirante_series.id"), primary_key=True, autoincrement=False),
    Column("last_time", UtcTime, primary_key=True, autoincrement=False),
    Column("first_time", UtcTime, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("times", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# One row per counter; its row lock makes the order of sequence numbers the order of commits.
# `readings` is the last sequence number, `past` how many are below 0 and never arrive; the other `readings_…`
# are kept by `tallies`.
counters = Table(
    "mirante_counters",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

windows = Table(
    "mirante_windows",
    metadata,
    Column("subject", AnyText, primary_key=True),
    Column("start", UtcTime, primary_key=True, autoincrement=False),
    Column("version", AnyText, primary_key=True),
    Column("end", UtcTime, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("verdicts", LongJson, nullable=False),
    Column("profile", LargeBinary, nullable=False),
)

# What the profiles of many windows have in common: the edges and levels of a baseline.
profile_parts = Table(
    "mirante_profile_parts",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

# What pages ask for stands in columns of its own: of a year there are many rows, and JSON is slow to read.
slice_windows = Table(
    "mirante_slice_windows",
    metadata,
    Column("subject", AnyText, primary_key=True),
    Column("version", AnyText, primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column("value", AnyText, primary_key=True),
    Column("start", UtcTime, primary_key=True, autoincrement=False),
    Column("end", UtcTime, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("label", AnyText, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("drifted", Integer, nullable=False),
    Column("strongest", AnyText, nullable=False),
    Column("effect", Number),
    Column("verdicts", Json, nullable=False),
    Column("performance", Json, nullable=False),
    Column("profile", LargeBinary, nullable=False),
    Index("mirante_slice_windows_start", "subject", "start"),
)

baselines = Table(
    "mirante_baselines",
    metadata,
    Column("subject", AnyText, primary_key=True),
    Column("version", AnyText, primary_key=True),
    Column("created", UtcTime, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("profile", LargeBinary, nullable=False),
    Column("source", AnyText, nullable=False),
)

label_models = Table(
    "mirante_label_models",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("model", AnyText, nullable=False, unique=True),
)

labels = Table(
    "mirante_labels",
    metadata,
    Column(
        "model_id", BigInteger, ForeignKey("mirante_label_models.id"), primary_key=True, autoincrement=False
    ),
    Column("id", AnyText, primary_key=True),
    Column("number", Number),
    Column("text", AnyText),
    Column("arrived", UtcTime, nullable=False),
    # From the counter `labels`: a label that is new or changed comes up again. 0 for those from before it.
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),
    # Whether a judged window has its prediction.
    Column("matched", Boolean, nullable=False, server_default=false()),
    Index("mirante_labels_sequence", "model_id", "sequence"),
    Index(
        "mirante_labels_unmatched",
        "model_id",
        "arrived",
        sqlite_where=text("matched = 0"),
        postgresql_where=text("NOT matched"),
    ),
    sqlite_with_rowid=False,
)

events = Table(
    "mirante_events",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("subject", AnyText, nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("text", AnyText, nullable=False),
    Column("data", Json, nullable=False),
    Index("mirante_events_subject", "subject", "time"),
    Index("mirante_events_time", "time"),
)

cursors = Table(
    "mirante_cursors",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("value", Json, nullable=False),
)

alerts = Table(
    "mirante_alerts",
    metadata,
    Column("id", AnyText, primary_key=True),
    Column("rule", AnyText, nullable=False),
    Column("labels", Json, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("severity", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("active_at", UtcTime, nullable=False),
    Column("fired_at", UtcTime),
    Column("resolved_at", UtcTime),
    Column("keep_firing_since", UtcTime),
    Column("last_seen_at", UtcTime),
    Column("value", NumberOrNone),
    Column("fired_value", NumberOrNone),
    Column("reading_time", UtcTime),
    Column("summary", AnyText, nullable=False),
    Column("note", AnyText, nullable=False),
    Column("historic", Boolean, nullable=False),
    Index("mirante_alerts_state", "state"),
    Index("mirante_alerts_active", "active_at"),
    Index("mirante_alerts_subject", "subject", "active_at"),
)

notices = Table(
    "mirante_notices",
    metadata,
    Column("id", AnyText, primary_key=True),
    Column("channel", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("status", AnyText, nullable=False),
    Column("claimed_by", AnyText),
    Column("claimed_until", UtcTime),
    Column("error", AnyText),
    Column("delivered_at", UtcTime),
    Column("alert_ids", Json, nullable=False),
    Column("payload", Json, nullable=False),
    Index("mirante_notices_status", "status", "next_at"),
    Index("mirante_notices_created", "created_at"),
    # All that the tally asks for, so that it never goes through the payloads.
    Index("mirante_notices_tally", "channel", "status", "attempts"),
    Index("mirante_notices_delivered", "channel", "delivered_at"),
    Index(
        "mirante_notices_failed",
        "channel",
        "created_at",
        sqlite_where=text("error IS NOT NULL"),
        postgresql_where=text("error IS NOT NULL"),
    ),
)

notice_alerts = Table(
    "mirante_notice_alerts",
    metadata,
    Column("alert_id", AnyText, primary_key=True),
    Column("notice_id", AnyText, ForeignKey("mirante_notices.id", ondelete="CASCADE"), primary_key=True),
    Index("mirante_notice_alerts_notice", "notice_id"),
)

# What a channel was told of a group of alerts, so that it is told nothing twice.
groups = Table(
    "mirante_groups",
    metadata,
    Column("key", AnyText, primary_key=True),
    Column("channel", AnyText, nullable=False),
    Column("labels", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("flush_at", UtcTime),
    Column("told_at", UtcTime),
    Column("firing", Json, nullable=False),
    Column("reminders", Integer, nullable=False),
    Column("thread", AnyText, nullable=False),
)

silences = Table(
    "mirante_silences",
    metadata,
    Column("id", AnyText, primary_key=True),
    Column("matchers", Json, nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("comment", AnyText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("replaces", AnyText),
    Index("mirante_silences_end", "ends_at"),
)

# Beside the alerts, not in them: an alert is written again with every change, and a note must survive that.
acknowledgements = Table(
    "mirante_acknowledgements",
    metadata,
    Column("alert_id", AnyText, primary_key=True),
    Column("author", AnyText, nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("note", AnyText, nullable=False),
)

proposals = Table(
    "mirante_proposals",
    metadata,
    Column("id", AnyText, primary_key=True),
    Column("kind", AnyText, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("alert_id", AnyText),
    Column("text", AnyText, nullable=False),
    Column("data", Json, nullable=False),
    Column("decided_at", UtcTime),
    Column("author", AnyText),
    Column("reason", AnyText),
    Index("mirante_proposals_state", "state", "created_at"),
)

# Who does the work of the service. `token` grows with each change of hands, so that a former holder's writes
# can be told from the present one's; `holder` is empty once it was given back. On SQLite nothing expires: the
# kernel knows whether the holder lives.
leases = Table(
    "mirante_leases",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("holder", AnyText, nullable=False),
    Column("host", AnyText, nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("expires", UtcTime),
)

# Programs on other hosts that send readings and windows. `sequence` is that of the last batch taken.
agents = Table(
    "mirante_agents",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("instance", AnyText, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("checksum", BigInteger, nullable=False),
    Column("heard_at", UtcTime, nullable=False),
    Column("about", Json, nullable=False),
    Column("marks", Json, nullable=False),
)

# What they are to count: kept here, so that any service of the store can say it.
agent_jobs = Table(
    "mirante_agent_jobs",
    metadata,
    Column("subject", AnyText, primary_key=True),
    Column("version", AnyText, primary_key=True),
    Column("digest", AnyText, nullable=False),
    Column("about", Json, nullable=False),
    Column("baseline", LargeBinary, nullable=False),
)

# What they counted of one window each. The content is emptied once the window is judged; the row stays for a
# while, so that the same part is known when it comes again.
window_parts = Table(
    "mirante_window_parts",
    metadata,
    Column("subject", AnyText, primary_key=True),
    Column("version", AnyText, primary_key=True),
    Column("start", UtcTime, primary_key=True, autoincrement=False),
    Column("agent", AnyText, primary_key=True),
    Column("end", UtcTime, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("mirante_window_parts_sequence", "sequence", unique=True),
)
