"""Collects the marked texts of src/mirante and keeps the catalogues: ``python -m tests.i18n.messages``.

babel.cfg names the three extractors, so ``pybabel extract -F babel.cfg`` finds the same texts.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import yaml
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mirante"
LOCALES = SOURCE / "i18n" / "locales"
KEYWORDS = {"_": None, "n": (1, 2)}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")

Found = tuple[int, str, str | tuple[str, ...], list[str]]
Options = Mapping[str, object]


class NotLiteralError(ValueError):
    """A marked text that is no literal, so nobody can collect it."""


def _texts(arguments: Iterable[object], count: int, place: str) -> tuple[str, ...]:
    first = list(arguments)[:count]
    if len(first) < count or not all(isinstance(text, str) for text in first):
        message = "a marked text must be a literal; placeholders are named: _('%(host)s is up', host=host)"
        raise NotLiteralError(f"{place}: {message}")
    return tuple(str(text) for text in first)


def from_python(file: IO[bytes], keywords: object, tags: object, options: Options) -> Iterator[Found]:
    """Yield the texts of ``_("...")`` and ``_.n("...", "...", n)``."""
    for node in ast.walk(ast.parse(file.read())):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id="_"):
                name, count = "_", 1
            case ast.Attribute(value=ast.Name(id="_"), attr="n"):
                name, count = "n", 2
            case _:
                continue
        literals = (argument.value if isinstance(argument, ast.Constant) else None for argument in node.args)
        texts = _texts(literals, count, f"line {node.lineno}")
        yield node.lineno, name, texts if count > 1 else texts[0], []


def from_template(file: IO[bytes], keywords: object, tags: object, options: Options) -> Iterator[Found]:
    """Yield the same from a Jinja template, ``{% trans %}`` blocks included."""
    tree = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True).parse(
        file.read().decode()
    )
    for node in tree.find_all(nodes.Call):
        match node.node:
            case nodes.Name(name="_" | "gettext"):
                name, count = "_", 1
            case nodes.Name(name="ngettext") | nodes.Getattr(node=nodes.Name(name="_"), attr="n"):
                name, count = "n", 2
            case _:
                continue
        literals = (argument.value if isinstance(argument, nodes.Const) else None for argument in node.args)
        texts = _texts(literals, count, f"line {node.lineno}")
        yield node.lineno, name, texts if count > 1 else texts[0], []


def from_rules(file: IO[bytes], keywords: object, tags: object, options: Options) -> Iterator[Found]:
    """Yield what the rules of a rule file say to people."""
    for rule in yaml.safe_load(file)["rules"]:
        for text in (rule.get("summary"), rule.get("description")):
            if text:
                yield 0, "_", text, []


def collect() -> Catalog:
    """Return a catalogue of all marked texts, without translations."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    catalogue = Catalog(project="mirante", charset="utf-8")
    found = extract_from_dir(SOURCE, methods, options, keywords=KEYWORDS)
    for name, _line, message, _comments, _context in sorted(found, key=lambda text: text[:2]):
        # no line numbers: they would change the file with every edit elsewhere
        catalogue.add(message, locations=[(f"src/mirante/{name}", None)])
    return catalogue


def po_path(locale: str) -> Path:
    """Return the path of a locale's catalogue."""
    return LOCALES / locale / "LC_MESSAGES" / "mirante.po"


def read(locale: str) -> Catalog:
    """Return a locale's catalogue as it is on disk."""
    with po_path(locale).open("rb") as file:
        return read_po(file, locale=locale)


def _strings(text: object) -> list[str]:
    return [text] if isinstance(text, str) else list(text)  # type: ignore[call-overload] # Babel has str or tuple


def texts_of(catalogue: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return what a catalogue says, without its header and what is not translated."""
    texts = {tuple(_strings(each.id)): tuple(_strings(each.string)) for each in catalogue if each.id}
    return {key: text for key, text in texts.items() if all(text)}


def compiled(locale: str) -> Catalog:
    """Return a locale's compiled catalogue as it is on disk."""
    with po_path(locale).with_suffix(".mo").open("rb") as file:
        return read_mo(file)


def _fault(message: Message, got: Message | None) -> str | None:
    translated = _strings(got.string) if got is not None else []
    if got is None or got.fuzzy or not translated or not all(translated):
        return f"no translation: {message.id!r} ({message.locations[0][0]})"
    wanted = set(PLACEHOLDER.findall(" ".join(_strings(message.id))))
    # a singular may leave its number out: "one alert"
    allowed = (wanted,) if len(translated) == 1 else (wanted, wanted - {"n"})
    for text in translated:
        if set(PLACEHOLDER.findall(text)) not in allowed:
            return f"the placeholders of {text!r} are not those of {message.id!r}"
    return None


def faults(locale: str) -> list[str]:
    """Say what is wrong with a locale's translations: absent, empty, fuzzy, or with other placeholders."""
    marked, known = collect(), read(locale)
    wrong = [fault for message in marked if message.id and (fault := _fault(message, known.get(message.id)))]
    return wrong + [f"no longer in the code: {m.id!r}" for m in known if m.id and marked.get(m.id) is None]


def update(locale: str) -> list[str]:
    """Merge the marked texts into the catalogue, compile it, and say what still needs a translation."""
    path, catalogue = po_path(locale), read(locale)
    # Babel's own header carries the time of writing, which would make every run a change
    header = path.read_text(encoding="utf-8").split("\n\n", 1)[0]
    catalogue.update(collect(), no_fuzzy_matching=True)
    body = io.BytesIO()
    write_po(body, catalogue, width=110, sort_output=True, ignore_obsolete=True, omit_header=True)
    path.write_text(f"{header}\n\n{body.getvalue().decode().strip()}\n", encoding="utf-8")
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, read(locale))
    return faults(locale)


def main() -> int:
    """Update every catalogue; 1 when a text is still to be translated."""
    locales = sorted(path.name for path in LOCALES.iterdir())
    missing = [f"{locale}: {fault}" for locale in locales for fault in update(locale)]
    print("\n".join(missing) or "all texts are translated")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
