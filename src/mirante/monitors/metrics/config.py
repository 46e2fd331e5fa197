"""The part of the config that names metrics of one's own."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mirante.errors import ConfigError
from mirante.monitors.metrics.expression import ProfileExpression

__all__ = ["MetricConfig"]

_CALL = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class MetricConfig(BaseModel):
    """One entry under ``metrics:`` of a model.

    Parameters
    ----------
    name : str
        The label ``metric`` of its reading ``custom_metric``.
    expression : str, optional
        Over the window's profile: see `ProfileExpression`.
    call : str, optional
        ``package.module:function``: called with the window's rows as a DataFrame (features and
        ``prediction``), returns a number.
    unit : str
        For the charts.

    Examples
    --------
    >>> MetricConfig(name="basket", expression="sum(amount) / rows").name
    'basket'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200)
    expression: str | None = None
    call: str | None = None
    unit: str = ""

    @field_validator("expression")
    @classmethod
    def _is_one(cls, value: str | None) -> str | None:
        if value is not None:
            ProfileExpression(value)
        return value

    @field_validator("call")
    @classmethod
    def _is_a_function(cls, value: str | None) -> str | None:
        if value is not None and not _CALL.fullmatch(value):
            raise ConfigError(f"{value!r} names no function; write package.module:function")
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> MetricConfig:
        if (self.expression is None) == (self.call is None):
            raise ConfigError(f"the metric {self.name!r} needs either an expression or a call")
        return self
