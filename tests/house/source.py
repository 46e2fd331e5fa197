"""The project's files, read once, for the tests of the house rules."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "mirante"
FOLDERS = ("src", "tests", "docs", "examples", "benchmarks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def python_files(folder: Path = ROOT) -> tuple[Path, ...]:
    """Return the project's Python files below a folder."""
    below = (folder,) if folder != ROOT else tuple(ROOT / name for name in FOLDERS)
    return tuple(
        sorted(path for top in below for path in top.rglob("*.py") if "__pycache__" not in path.parts)
    )


@cache
def text_files() -> tuple[Path, ...]:
    """Return all files that people write: code, pages, templates, settings."""
    endings = {".py", ".md", ".html", ".css", ".js", ".yaml", ".yml", ".toml", ".cfg", ".po", ".mako", ""}
    top = [
        path for path in ROOT.iterdir() if path.is_file() and path.suffix in endings and path.name != ".git"
    ]
    below = [path for name in (*FOLDERS, ".ci") for path in (ROOT / name).rglob("*")]
    # what others wrote and we only carry
    carried = (".min.js", ".LICENSE")
    return tuple(
        sorted(
            path
            for path in top + below
            if path.is_file()
            and path.suffix in endings
            and "__pycache__" not in path.parts
            and not path.name.startswith(".coverage")
            and not path.name.endswith(carried)
        )
    )


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def short(path: Path) -> str:
    """Return a path as a message shows it."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(path: Path) -> Iterator[Function]:
    """Yield every function of a file, nested ones too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield node


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def code_lines(path: Path, node: Function) -> int:
    """Count a function's lines of code: without docstring, blank lines and comments."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()[body[0].lineno - 1 : node.end_lineno]
    signature = body[0].lineno - node.lineno if body is node.body else node.body[0].lineno - node.lineno
    return signature + sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def imports_at_top(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of what a module imports when it is imported itself."""
    waiting: list[ast.AST] = list(tree(path).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)
        waiting += ast.iter_child_nodes(node)
