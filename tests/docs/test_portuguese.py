"""The Portuguese page uses the words that the Portuguese pages of the service show."""

from __future__ import annotations

import re

from tests.docs.snippets import ROOT
from tests.i18n.messages import read

PAGE = (ROOT / "docs" / "pt_BR" / "primeiros-passos.md").read_text(encoding="utf-8")
KNOWN = {m.id: m.string for m in read("pt_BR") if isinstance(m.id, str) and isinstance(m.string, str)}
# the name of the language itself is not translated; "Notice" is there as a severity, not as a message
OTHERWISE = {"Português"}
NO_NOUNS = {"notice"}


def test_what_is_said_to_stand_on_a_page_stands_there():
    shown = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", PAGE))
    texts = {text.lower() for text in KNOWN.values()}
    assert len(shown) >= 4
    assert {text for text in shown - OTHERWISE if text.lower() not in texts} == set()


def test_the_table_of_words_is_that_of_the_catalogue():
    table = PAGE.partition("## As palavras")[2]
    rows = re.findall(r"^\| ([\w, ]+) \| ([a-z, ]+) \|", table, re.M)
    pairs = [pair for ours, theirs in rows for pair in zip(theirs.split(", "), ours.split(", "), strict=True)]
    known = {english.lower(): portuguese.lower() for english, portuguese in KNOWN.items()}
    checked = {english: ours for english, ours in pairs if english in known and english not in NO_NOUNS}
    assert len(checked) >= 8
    assert {english: known[english] for english in checked} == checked
