"""Writes the lists of columns in docs/tables.md: ``python docs/tables_table.py``."""

from __future__ import annotations

import re
from pathlib import Path

from mirante.views.tables.columns import TABLES, TableName

PAGE = Path(__file__).with_name("tables.md")
TYPES = {
    "text": "text",
    "time": "timestamp",
    "whole": "int64",
    "number": "float64",
    "truth": "boolean",
    "levels": "list of struct",
}


def columns_of(table: TableName) -> str:
    """Return the list of a table's columns as it must be."""
    rows = (
        f"| `{one.name}` | {TYPES[one.type]} | {one.unit} | {one.help.replace('|', chr(92) + '|')} |"
        for one in TABLES[table]
    )
    return "\n".join(["| column | type | unit or range | meaning |", "|---|---|---|---|", *rows])


def page(text: str) -> str:
    """Return the page with the lists put in anew, each between its two marks."""
    for table in TABLES:
        marked = re.compile(rf"(<!-- columns of {table}:[^>]*-->\n\n).*?(\n\n<!-- end -->)", re.S)
        places = list(marked.finditer(text))
        if len(places) != 1:
            raise ValueError(f"tables.md has {len(places)} places for the columns of {table}; it needs one")
        (place,) = places
        text = text[: place.end(1)] + columns_of(table) + text[place.start(2) :]
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
