"""The shapes of the API's answers; the OpenAPI document is made of them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)

__all__ = [
    "EVERYWHERE",
    "WRITES",
    "Alert",
    "AlertDetail",
    "AlertWindow",
    "Fault",
    "Labels",
    "LabelsWritten",
    "Misunderstood",
    "Name",
    "Notice",
    "ReadingSeries",
    "Subject",
    "Window",
    "WrongPart",
    "fault",
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


class Fault(BaseModel):
    """Why a request was not answered."""

    detail: str


class WrongPart(BaseModel):
    """One part of a request that makes no sense."""

    type: str
    loc: list[str | int]
    msg: str


class Misunderstood(BaseModel):
    """What in a request makes no sense: its parts, or a sentence about the whole."""

    detail: str | list[WrongPart]


def fault(description: str, model: type[BaseModel] = Fault) -> dict[str, Any]:
    """Return the entry of an answer that is a fault, for the OpenAPI document.

    Examples
    --------
    >>> fault("There is none.")["description"]
    'There is none.'
    """
    return {"description": description, "model": model}


# What every route may answer, because it is said before the route is asked.
EVERYWHERE: dict[int | str, dict[str, Any]] = {
    401: fault("A token is needed, and this is none: `Authorization: Bearer …`."),
    414: fault("The address is longer than is read."),
    421: fault("This host name is not served here: `web.allowed_hosts`."),
    422: fault("What was sent makes no sense; `detail` says what is needed.", Misunderstood),
    429: fault("Too many wrong tokens came from this address; wait a minute."),
    503: fault("The store does not answer."),
}
WRITES: dict[int | str, dict[str, Any]] = {
    400: fault("The body is not what its headers say."),
    403: fault("It comes from another site, or `web.read_only` is set."),
    408: fault("The body did not come in time."),
    413: fault("The body is longer than is read."),
    415: fault("A write is `application/json`, and not packed."),
}


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


Finite = Annotated[float | None, BeforeValidator(json_number)]
"""A number as JSON can say it; one that is not finite becomes null."""


class AlertWindow(BaseModel):
    """The window of event time that an alert is about, half-open."""

    start: datetime
    end: datetime


class Alert(BaseModel):
    """One alert; `window` is null for one that is about a moment."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    rule: str
    labels: dict[str, str]
    subject: str
    severity: str
    state: str
    active_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    value: Finite
    fired_value: Finite
    reading_time: datetime | None
    summary: str
    note: str
    historic: bool
    window: AlertWindow | None = None


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


def _no_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(f"got {text!r}, which is blank; give what it is called")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_no_blank)]
"""What something is called, such as a model or a prediction: at most 500 characters, and not blank."""


class Labels(BaseModel):
    """What turned out to be true: one value for each id of a prediction.

    Examples
    --------
    >>> Labels(model="churn", ids=["a", "b"], values=[1.0, 0.0]).values
    [1.0, 0.0]
    """

    model_config = ConfigDict(extra="forbid")

    model: Name
    ids: list[Name] = Field(min_length=1, max_length=100_000)
    values: list[FiniteFloat | str] = Field(min_length=1, max_length=100_000)
    arrived: AwareDatetime | list[AwareDatetime] | None = Field(
        default=None, description="When they became known, all of them or each; now, if left out."
    )

    @model_validator(mode="after")
    def _as_many(self) -> Labels:
        if len(self.ids) != len(self.values):
            raise ValueError(
                f"got {len(self.ids)} ids and {len(self.values)} values; give one value for each id"
            )
        if isinstance(self.arrived, list) and len(self.arrived) != len(self.ids):
            raise ValueError(
                f"got {len(self.ids)} ids and {len(self.arrived)} times; give one time, or one for each id"
            )
        return self


class LabelsWritten(BaseModel):
    """How many labels were taken; where Mirante does not know the model, a warning and the nearest names."""

    written: int
    warning: str | None = None
    nearest: list[str] | None = None
