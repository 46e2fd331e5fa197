"""The store: readings, windows, baselines, labels, events, cursors, alerts and outbox, in one database."""

from __future__ import annotations

from mirante.store.alerts import AlertRow
from mirante.store.baselines import BaselineRow
from mirante.store.events import EventRow
from mirante.store.labels import LabelColumn
from mirante.store.outbox import NoticeRow
from mirante.store.readings import SubjectRow
from mirante.store.series import Series
from mirante.store.store import Store
from mirante.store.windows import WindowRow

__all__ = [
    "AlertRow",
    "BaselineRow",
    "EventRow",
    "LabelColumn",
    "NoticeRow",
    "Series",
    "Store",
    "SubjectRow",
    "WindowRow",
]
