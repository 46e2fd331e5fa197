"""What agents on other hosts and the service say to each other; the OpenAPI document is made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
)

__all__ = [
    "CHECKSUM",
    "FORMAT",
    "FORMAT_HEADER",
    "LEAST_FORMAT",
    "SENT",
    "SPEAKS",
    "AgentBaseline",
    "AgentBatch",
    "AgentJob",
    "AgentMark",
    "AgentReading",
    "AgentTaken",
    "AgentWindow",
]

FORMAT = 2
"""Number of the form that batches have; a service understands its own and those below."""
LEAST_FORMAT = 2
"""Agents of a lower one cannot read what a service offers; it still takes their batches."""
FORMAT_HEADER, CHECKSUM, SENT = "X-Mirante-Format", "X-Mirante-Checksum", "X-Mirante-Sent"
SPEAKS = "X-Mirante-Speaks"
"""Header with an agent's own `FORMAT`: a batch that waited in its spool may be of an older one."""

_YEARS = range(1900, 9000)  # a window of years before or after these can still be told


def _usable(time: datetime) -> datetime:
    if time.year not in _YEARS:
        raise ValueError(f"the year is {time.year}; it takes one from {_YEARS[0]} to {_YEARS[-1]}")
    return time


_Moment = Annotated[AwareDatetime, AfterValidator(_usable)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Note = Annotated[str, StringConstraints(max_length=2_000)]
_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Packed = Annotated[
    str, Field(description="Base64 of the profile's bytes, with edges and levels or without the baseline's.")
]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AgentReading(_Said):
    """One reading of the agent's host; a value that is not known is null."""

    name: _Name
    labels: dict[_Name, Annotated[str, StringConstraints(max_length=2_000)]] = Field(max_length=50)
    time: AwareDatetime
    value: FiniteFloat | None
    note: _Note = ""


class AgentWindow(_Said):
    """What the agent counted of one window that is over: sums and counts, no row."""

    subject: _Name
    version: _Name
    start: _Moment
    end: _Moment
    rows: _Count
    profile: _Packed
    latency: _Packed
    outliers: _Count = 0
    passed: _Count = 0
    distinct: dict[str, Any] | None = None
    faults: dict[str, _Count] = Field(default_factory=dict, max_length=20)
    estimated: dict[str, Any] | None = Field(
        default=None, description="What its rows are worth before labels are in, as sums."
    )
    slices: dict[str, Any] | None = Field(default=None, description="Profiles of its declared slices.")


class AgentMark(_Said):
    """How far the agent has counted a version: all of its windows that end by then were sent."""

    subject: _Name
    version: _Name
    until: _Moment


class AgentBatch(_Said):
    """What an agent sends at once: readings of its host, windows, and how far it has counted.

    Examples
    --------
    >>> AgentBatch(agent="web-2", instance="5f", sequence=1, program="1.0", interval=60.0).windows
    []
    """

    agent: _Name = Field(description="Its host, as the label `host` of its readings says.")
    instance: _Name = Field(description="Of its spool.")
    sequence: int = Field(ge=1, lt=2**62, description="Ascending; one that was taken is not taken again.")
    program: _Name = Field(description="Version of the agent's program.")
    interval: float = Field(gt=0, le=86_400, description="Seconds between its batches.")
    readings: list[AgentReading] = Field(default_factory=list, max_length=50_000)
    windows: list[AgentWindow] = Field(default_factory=list, max_length=1_000)
    marks: list[AgentMark] | None = Field(
        default=None, max_length=10_000, description="All that it counts; null leaves them as they were."
    )


class AgentTaken(BaseModel):
    """What became of a batch; it is in the store when this is said."""

    sequence: int
    taken: bool = Field(description="False for one that was taken before.")
    windows: int = Field(description="How many of its windows were new.")
    unknown: int = Field(
        0, description="How many of its readings have names that this service does not know."
    )


class AgentJob(BaseModel):
    """One version of a model that agents are to count where they find its inference log."""

    subject: str
    version: str
    model: str
    digest: str = Field(pattern="^[0-9a-f]{8,64}$", description="Of the baseline, at whose edges is counted.")
    window: str
    timezone: str
    lateness: float = Field(description="Seconds.")
    since: datetime | None = Field(description="What was over by then is judged already.")


class AgentBaseline(BaseModel):
    """A baseline as the files that it is kept in beside its model version, without rows; base64."""

    files: dict[str, str]
