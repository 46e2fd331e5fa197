"""Predictions over the API, for programs in other languages: recorded as `mirante.Recorder` does."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    model_validator,
)

from mirante.errors import NotFoundError
from mirante.inference_log.probabilities import MOST_CLASSES
from mirante.web.api.models import WRITES, Name, fault

if TYPE_CHECKING:
    from mirante.capture.recorders import Recorders

__all__ = ["Predictions", "make_predictions_router"]

_MOST_ROWS = 10_000
_MOST_COLUMNS = 1_000
_Value = bool | int | FiniteFloat | str | None
_Numbers = Annotated[list[FiniteFloat], Field(min_length=2, max_length=MOST_CLASSES)]
_Named = Annotated[dict[Name, FiniteFloat], Field(min_length=2, max_length=MOST_CLASSES)]
_Prediction = bool | int | FiniteFloat | str | _Numbers | _Named
_Seconds = Annotated[FiniteFloat, Field(ge=0)]
_FAULTS: dict[int | str, dict[str, Any]] = {**WRITES, 404: fault("The config names no such model.")}


class Predictions(BaseModel):
    """What a model was asked and what it answered, one entry of each list for each row.

    Examples
    --------
    >>> Predictions(model="churn", version="3", inputs=[{"age": 31}], predictions=[0.25]).inputs
    [{'age': 31}]
    """

    model_config = ConfigDict(extra="forbid")

    model: Name = Field(description="Name in MLflow's registry, as the config has it.")
    version: Name = Field(description="The version that answered.")
    inputs: list[dict[str, _Value]] = Field(
        min_length=1, max_length=_MOST_ROWS, description="The features.", examples=[[{"age": 31}]]
    )
    predictions: list[_Prediction] = Field(
        min_length=1,
        max_length=_MOST_ROWS,
        description="A value, or the probability of each class: a list, or by the names of the classes.",
        examples=[[0.25]],
    )
    ids: list[Name] | None = Field(default=None, description="For labels; made up if left out.")
    times: list[AwareDatetime] | None = Field(default=None, description="Now, if left out.")
    latencies: list[_Seconds | None] | None = Field(default=None, description="Seconds.")

    @model_validator(mode="after")
    def _as_many(self) -> Predictions:
        for name in ("predictions", "ids", "times", "latencies"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.inputs):
                raise ValueError(
                    f"got {len(self.inputs)} inputs and {len(values)} {name}; give one for each row"
                )
        if len({name for row in self.inputs for name in row}) > _MOST_COLUMNS:
            raise ValueError(f"there are more than {_MOST_COLUMNS} features")
        return self


class PredictionsTaken(BaseModel):
    """The ids of the predictions; they are durable about a second later."""

    ids: list[str]


def make_predictions_router(recorders: Recorders) -> APIRouter:
    """Return the route that takes predictions.

    Parameters
    ----------
    recorders : Recorders
        Where they go.
    """
    router = APIRouter()

    @router.post(
        "/predictions", status_code=202, summary="Record predictions", tags=["predictions"], responses=_FAULTS
    )
    def predictions(body: Predictions) -> PredictionsTaken:
        times: list[datetime] | None = None if body.times is None else list(body.times)
        try:
            ids = recorders.record(
                body.model,
                body.version,
                body.inputs,
                body.predictions,
                ids=body.ids,
                times=times,
                latencies=body.latencies,
            )
        except NotFoundError as error:
            raise HTTPException(404, str(error)) from error
        return PredictionsTaken(ids=ids)

    return router
