"""The shapes of the API's answers; the OpenAPI document is made of them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)

__all__ = [
    "Alert",
    "AlertDetail",
    "Labels",
    "LabelsWritten",
    "Notice",
    "ReadingSeries",
    "Subject",
    "Window",
    "json_number",
]


def json_number(value: float | None) -> float | None:
    """Return a number as JSON can say it, which has no NaN and no infinity.

    Parameters
    ----------
    value : float or None
        Any number.

    Returns
    -------
    float or None
        The same, or None where it is not finite.

    Examples
    --------
    >>> json_number(0.5), json_number(float("nan"))
    (0.5, None)
    """
    return value if value is not None and math.isfinite(value) else None


class Subject(BaseModel):
    """Something that is monitored."""

    subject: str
    series: int
    first_time: datetime
    last_time: datetime
    open_alerts: int


class ReadingSeries(BaseModel):
    """One series: its times, and a value and a note for each; an unknown value is null."""

    name: str
    labels: dict[str, str]
    subject: str
    times: list[datetime]
    values: list[float | None]
    notes: list[str]
    truncated: bool


class Window(BaseModel):
    """One window with its verdicts."""

    subject: str
    version: str
    start: datetime
    end: datetime
    rows: int
    late: int
    closed: bool
    verdicts: dict[str, Any]


class Alert(BaseModel):
    """One alert."""

    id: str
    rule: str
    labels: dict[str, str]
    subject: str
    severity: str
    state: str
    active_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    value: float | None
    fired_value: float | None
    reading_time: datetime | None
    summary: str
    note: str
    historic: bool


class Notice(BaseModel):
    """One message about an alert; what it said is not repeated here."""

    id: str
    channel: str
    reason: str
    created_at: datetime
    attempts: int
    status: str
    error: str | None
    delivered_at: datetime | None


class AlertDetail(Alert):
    """One alert with its notices, newest first."""

    notices: list[Notice]


_Id = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Labels(BaseModel):
    """What turned out to be true: one value for each id of a prediction.

    Examples
    --------
    >>> Labels(model="churn", ids=["a", "b"], values=[1.0, 0.0]).values
    [1.0, 0.0]
    """

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    ids: list[_Id] = Field(min_length=1, max_length=100_000)
    values: list[FiniteFloat | str] = Field(min_length=1, max_length=100_000)
    arrived: AwareDatetime | None = Field(
        default=None, description="When they became known; now, if left out."
    )

    @model_validator(mode="after")
    def _as_many(self) -> Labels:
        if len(self.ids) != len(self.values):
            raise ValueError(
                f"got {len(self.ids)} ids and {len(self.values)} values; give one value for each id"
            )
        return self


class LabelsWritten(BaseModel):
    """How many labels were new or changed."""

    written: int
