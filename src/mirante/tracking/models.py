"""A registered model as people name it, the version that is meant, and what is near to a wrong name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.tracking.client import asking, brief_requests, server_name, unless_missing
from mirante.tracking.registry import find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["DEFAULT_ALIAS", "ModelName", "aliases_of", "every_page", "find_model", "not_there"]

DEFAULT_ALIAS = "champion"
_PREFIX = "models:/"
_FORMS = "NAME, NAME@alias, models:/NAME@alias or models:/NAME/3"
_PAGE = 1000
_NEAR = 3


@dataclass(frozen=True, slots=True)
class ModelName:
    """A registered model, and its version by alias or by number.

    Parameters
    ----------
    name : str
        In the registry; any text that MLflow allows.
    alias : str, optional
        Of the version; None where a number is given.
    version : str, optional
        Its number.
    """

    name: str
    alias: str | None = DEFAULT_ALIAS
    version: str | None = None

    @classmethod
    def parse(cls, text: str, alias: str | None = None) -> ModelName:
        """Read a model's name as it is written in commands.

        Parameters
        ----------
        text : str
            ``NAME``, ``NAME@alias`` or ``NAME/3``, with or without ``models:/`` in front. What follows the
            last ``@`` is the alias.
        alias : str, optional
            Given beside it; ``champion`` where there is none at all.

        Returns
        -------
        ModelName

        Raises
        ------
        InputError
            If it is none of these, or names a version or another alias and `alias` is given too.

        Examples
        --------
        >>> ModelName.parse("models:/churn@live")
        ModelName(name='churn', alias='live', version=None)
        >>> ModelName.parse("churn"), str(ModelName.parse("churn/03"))
        (ModelName(name='churn', alias='champion', version=None), 'models:/churn/3')
        """
        rest = text.removeprefix(_PREFIX)
        name, slash, number = rest.partition("/")
        if slash:
            if not name or not re.fullmatch(r"[0-9]{1,9}", number):
                raise InputError(f"the model is {text!r}; give {_FORMS}")
            if alias is not None:
                raise InputError(
                    f"{text!r} names a version and --alias {alias!r} another; give one of the two"
                )
            return cls(name, None, str(int(number)))
        name, at, inside = rest.rpartition("@") if "@" in rest else (rest, "", "")
        if not name or (at and not inside) or ":" in name:
            raise InputError(f"the model is {text!r}; give {_FORMS}")
        if at and alias is not None and alias != inside:
            raise InputError(
                f"{text!r} names the alias {inside!r} and --alias {alias!r}; give one of the two"
            )
        return cls(name, inside or alias or DEFAULT_ALIAS)

    def __str__(self) -> str:
        return f"{_PREFIX}{self.name}" + (f"@{self.alias}" if self.version is None else f"/{self.version}")


def find_model(client: MlflowClient, wanted: ModelName) -> ModelVersion:
    """Return the version that a name stands for.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    wanted : ModelName
        As a person named it.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion
        With tags and source.

    Raises
    ------
    InputError
        If there is no such model, alias or version; the message has those that are near.
    TrackingError
        If MLflow does not answer.
    """
    # the first question of a command: a server that is away is known within seconds
    with brief_requests():
        with asking(client, _what(wanted)):
            if wanted.version is not None:
                found = find_version(client, wanted.name, wanted.version)
            else:
                found = unless_missing(client.get_model_version_by_alias, wanted.name, wanted.alias or "")
        if found is not None:
            return found
        raise InputError(not_there(client, wanted, other=f"name a version ({_PREFIX}{wanted.name}/1)"))


def not_there(client: MlflowClient, wanted: ModelName, *, other: str = "") -> str:
    """Return the sentence about a model, alias or version that MLflow does not have, with what is near.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    wanted : ModelName
        What is not there.
    other : str, optional
        What else can be done where the alias is missing.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, _what(wanted)):
        model = unless_missing(client.get_registered_model, wanted.name)
        names = [] if model is not None else [one.name for one in every_page(client.search_registered_models)]
    where = f"in MLflow at {server_name(client.tracking_uri)}"
    if model is None:
        advice = _near(wanted.name, names) or "register it (registered_model_name= when it is logged), or"
        return (
            f"there is no registered model {wanted.name!r} {where}; {advice} check the name and "
            "MLFLOW_TRACKING_URI"
        )
    if wanted.version is not None:
        newest = max((int(one.version) for one in model.latest_versions or ()), default=0)
        there = f"its newest version is {newest}" if newest else "it has none"
        return f"the model {wanted.name!r} has no version {wanted.version!r} {where}; {there}"
    aliases = aliases_of(model)
    known = ", ".join(f"{alias!r} (version {version})" for alias, version in sorted(aliases.items())[:9])
    ways = ["give one of these"] * bool(known) + [other] * bool(other)
    return (
        f"the model {wanted.name!r} has no alias {wanted.alias!r} {where}; "
        + (f"it has {known}; " if known else "it has none; ")
        + (f"{', '.join(ways)}, or " if ways else "")
        + "set the alias: "
        + f"MlflowClient().set_registered_model_alias({wanted.name!r}, {wanted.alias!r}, version)"
    )


def _what(wanted: ModelName) -> str:
    if wanted.version is not None:
        return f"look up version {wanted.version} of the model {wanted.name!r}"
    return f"find out which version of the model {wanted.name!r} the alias {wanted.alias!r} points to"


def _near(name: str, names: Collection[str]) -> str:
    folded = {one.casefold(): one for one in names}
    found = [
        folded[one]
        for one in difflib.get_close_matches(name.casefold(), folded, _NEAR)
        if folded[one] != name
    ]
    return f"did you mean {' or '.join(map(repr, found))}? Else" if found else ""


def aliases_of(model: Any) -> dict[str, str]:
    """Return the aliases of a registered model, each with its version.

    Parameters
    ----------
    model : mlflow.entities.model_registry.RegisteredModel
        From a search or a look-up.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> aliases_of(SimpleNamespace(aliases={"champion": 3}))
    {'champion': '3'}
    """
    return {str(alias): str(version) for alias, version in dict(model.aliases or {}).items()}


def every_page(search: Any, **how: Any) -> list[Any]:
    """Return all that one of the client's searches finds, page after page.

    Parameters
    ----------
    search : callable
        Such as ``client.search_registered_models``.
    **how
        Its filter and order.

    Returns
    -------
    list
        Of MLflow's entities.

    Examples
    --------
    >>> class Page(list):
    ...     token = None
    >>> every_page(lambda max_results, page_token: Page(["churn"]))
    ['churn']
    """
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(max_results=_PAGE, page_token=token, **how)
        found += page
        token = page.token or None
        if token is None:
            return found
