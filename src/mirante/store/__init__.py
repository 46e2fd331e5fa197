"""The store: readings, windows, baselines, labels, events, alerts, what people say to them, the outbox."""

from __future__ import annotations

from mirante.store.acknowledgements import AcknowledgementRow
from mirante.store.agents import AgentRow, JobRow, PartRow
from mirante.store.alerts import AlertRow
from mirante.store.baselines import BaselineRow
from mirante.store.endings import Ending
from mirante.store.events import EventRow
from mirante.store.groups import GroupRow
from mirante.store.labels import Doubt, LabelColumn
from mirante.store.lease import LeaseRow
from mirante.store.measure import StoreSize
from mirante.store.outbox import ChannelRow, NoticeRow
from mirante.store.proposals import ProposalRow
from mirante.store.readings import SubjectRow
from mirante.store.series import Series
from mirante.store.silences import SilenceRow
from mirante.store.slicewindows import SliceWindowRow
from mirante.store.store import Store
from mirante.store.windows import VersionRow, WindowRow

__all__ = [
    "AcknowledgementRow",
    "AgentRow",
    "AlertRow",
    "BaselineRow",
    "ChannelRow",
    "Doubt",
    "Ending",
    "EventRow",
    "GroupRow",
    "JobRow",
    "LabelColumn",
    "LeaseRow",
    "NoticeRow",
    "PartRow",
    "ProposalRow",
    "Series",
    "SilenceRow",
    "SliceWindowRow",
    "Store",
    "StoreSize",
    "SubjectRow",
    "VersionRow",
    "WindowRow",
]
