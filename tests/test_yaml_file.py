"""YAML without its traps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag

from mirante.errors import ConfigError
from mirante.yaml_file import checked, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("on", "on"),
        ("no", "no"),
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("2013-02-08", "2013-02-08"),
        ("1e3", 1000.0),
        ("0.5", 0.5),
        ("-7", -7),
        ("true", True),
        ("~", None),
        ("", None),
        ("'7'", "7"),
        (".inf", ".inf"),
        ("=", "="),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_bomb_is_refused_at_once() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    start = time.monotonic()
    with pytest.raises(ConfigError, match="anchors"):
        parse_yaml("\n".join(levels))
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: ! 7", "tag"),
        ("[" * 100 + "]" * 100, "nested"),
        ("a: 1\n---\nb: 2", "second document"),
        ("? [a]\n: b", "plain text"),
        ("a: \x01", "YAML"),
        ("a:\n\tb: 1", "line 2: cannot be read as YAML: a tab stands before the text; indent with spaces"),
        ("a:\n  b: 1\n\tc: 1", "line 3: .* a tab stands before"),
        ("x" * (4 * 2**20 + 1), "4 MiB"),
        ("<<: {a: 1}\n<<: {b: 1}", "twice"),
        ("a: \ud800", "text"),
    ],
)
def test_refusals(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_yaml(text)


class _Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    port: int
    smtp_password: SecretStr | None = None


class _Outer(BaseModel):
    items: dict[str, _Inner]


def test_lines_and_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(
        "items:\n  a:\n    port: x\n    smtp_password: [hunter2]\n  b:\n    smtp_password: hunter2\n"
    )
    with pytest.raises(ConfigError) as caught:
        checked(_Outer, read_yaml(path))
    told = str(caught.value).splitlines()
    assert told[0].startswith(f'{path}, line 3: items.a.port: got "x"; ')
    assert told[1].startswith(f"{path}, line 4: items.a.smtp_password: got a list; ")
    assert told[2] == f"{path}, line 5: items.b.port: is missing; add it"
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


class _Sheet(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parquet: str
    time: str


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sql: str


_KIND = Discriminator(lambda value: "parquet" if "parquet" in value else "sql")


class _Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sources: dict[str, Annotated[Annotated[_Sheet, Tag("parquet")] | Annotated[_Query, Tag("sql")], _KIND]]
    inner: list[_Inner] = []


class _Floor(BaseModel):
    floor: Annotated[float, Field(le=1)] | dict[str, Annotated[float, Field(le=1)]] = 0.0
    count: int = 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("floor: 3%", "floor: got a text; needs a number, such as 0.03 for 3%, or keys and values below it"),
        ("floor: [1]", "floor: got a list; needs a number, or keys and values below it"),
        ("floor: {age: x}", "floor.age: got a text; needs a number"),
        ("floor: {age: 3}", "floor.age: got 3; input should be less than or equal to 1"),
        ("floor: 3", "floor: got 3; input should be less than or equal to 1"),
        ("count: 1.5", "count: got 1.5; needs a whole number"),
    ],
)
def test_a_value_of_several_kinds_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(_Floor, parse_yaml(text))
    assert str(caught.value) == f"<text>, line 1: {said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sorces: {}\nsources: {}", r"line 1: sorces: is no known key; did you mean 'sources'\?"),
        ("sources: {a: {parquet: p, time: t, tme: x}}", r"line 1: sources\.a\.tme: .* did you mean 'time'\?"),
        ("sources: {}\ninner: [{prt: 1}]", r"line 2: inner\[0\]\.prt: .* did you mean 'port'\?"),
        ("sources: {}\nport: 1", "port: is no known key; remove it, or check its spelling"),
    ],
)
def test_a_key_that_is_near_is_named_where_it_may_stand(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checked(_Whole, parse_yaml(text))
