"""Every public name says what it is; the facade's names also say what each argument is."""

import ast
import inspect
import re
from collections.abc import Iterator

import pytest
from numpydoc.docscrape import NumpyDocString

import mirante
from tests.house.source import PACKAGE, Function, python_files, short, tree


def _public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        # the plain definition beside them speaks for an overload and a setter
        if any(re.search(r"'(overload|setter)'", ast.dump(each)) for each in node.decorator_list):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body, f"{prefix}{node.name}.")


def test_every_public_name_has_a_docstring():
    silent = []
    for path in python_files(PACKAGE):
        if ast.get_docstring(tree(path)) is None and path.read_text(encoding="utf-8").strip():
            silent.append(short(path))
        for name, node in _public(tree(path).body):
            if not (ast.get_docstring(node) or "").strip():
                silent.append(f"{short(path)}:{node.lineno} {name}")
    assert silent == []


def _parts(name: str) -> Iterator[tuple[str, object]]:
    """Yield a public name's callables: itself, and a class's public methods."""
    value = getattr(mirante, name)
    plain_error = isinstance(value, type) and issubclass(value, Exception) and "__init__" not in vars(value)
    if not callable(value) or plain_error:
        return
    yield name, value
    for part, member in vars(value).items():
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if inspect.isfunction(function) and not part.startswith("_"):
            yield f"{name}.{part}", function


NAMES = [name for name in mirante.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", NAMES)
def test_the_arguments_of_the_facade_are_described(name: str):
    missing = []
    for part, value in _parts(name):
        sections = NumpyDocString(inspect.getdoc(value) or "")
        parameters = [*sections["Parameters"], *sections["Other Parameters"], *sections["Attributes"]]
        described = {each.strip().lstrip("*") for entry in parameters for each in entry.name.split(",")}
        arguments = set(inspect.signature(value).parameters) - {"self", "cls"}
        missing += [f"{part}({argument})" for argument in sorted(arguments - described)]
    assert missing == [], "describe each argument under Parameters: shape, unit, default"


@pytest.mark.parametrize("name", NAMES)
def test_what_the_facade_returns_is_described(name: str):
    quiet = []
    for part, value in _parts(name):
        annotation = inspect.signature(value).return_annotation
        if isinstance(value, type) or annotation in (None, "None", "Self", inspect.Signature.empty):
            continue
        sections = NumpyDocString(inspect.getdoc(value) or "")
        claim = " ".join(sections["Summary"])
        if not (sections["Returns"] or sections["Yields"] or claim.startswith(("Return ", "Yield "))):
            quiet.append(part)
    assert quiet == [], "say what comes back, its range, and what it is when nothing happens: under Returns"
