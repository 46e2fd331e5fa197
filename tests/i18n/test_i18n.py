"""The translator, the formats, and that every marked text is translated."""

from datetime import UTC, datetime
from io import BytesIO

import pytest

from mirante.errors import ConfigError
from mirante.i18n import LOCALES, format_datetime, format_number, normal_locale, translator
from tests.i18n import messages

NOON = datetime(2013, 2, 8, 12, tzinfo=UTC)


def test_english_is_what_the_code_says():
    _ = translator("en")
    assert _("Critical alert") == "Critical alert"
    assert _.n("%(n)s alert", "%(n)s alerts", 1) == "1 alert"
    assert _.n("%(n)s alert", "%(n)s alerts", 0) == "0 alerts"


def test_portuguese():
    assert translator("pt_BR")("Critical alert") == "Alerta Crítico"
    assert translator("pt_BR")("no such text") == "no such text"
    assert translator("pt_BR")("") == "", "gettext would answer with the catalogue's header"


def test_one_object_per_locale():
    assert translator("pt-BR") is translator("pt_BR")


@pytest.mark.parametrize(
    ("got", "served"),
    [("en_US", "en"), ("en", "en"), ("pt", "pt_BR"), ("PT-br", "pt_BR"), ("pt_BR.UTF-8", "pt_BR")],
)
def test_locales_of_the_same_language(got, served):
    assert normal_locale(got) == served


def test_an_unknown_locale_names_the_known():
    with pytest.raises(ConfigError, match="'de'; choose one of: en, pt_BR"):
        translator("de")


def test_values_are_put_in_literally():
    _ = translator("en")
    assert _("%(host)s is 18 % full", host="%(name)s {0}") == "%(name)s {0} is 18 % full"
    assert _("100 %% of %(host)s", host="a") == "100 % of a"
    assert _("%(host)s and %(other)s", host="a") == "a and %(other)s"
    assert _("%(host)s is up") % {"host": "a"} == "a is up"


def test_the_plural_takes_further_values():
    text = translator("en").n("%(n)s alert of %(host)s", "%(n)s alerts of %(host)s", 2, host="a")
    assert text == "2 alerts of a"


def test_dates_and_numbers():
    assert format_datetime(NOON, "en", style="short").startswith("2/8/13, 12:00")
    assert format_datetime(NOON.replace(tzinfo=None), "pt_BR", style="short") == "08/02/2013 12:00"
    assert "2013" in format_datetime(NOON, "pt_BR", timezone="America/New_York", style="full")
    assert format_number(0.12345, "pt_BR") == "0,12"
    assert format_number(float("inf")) == "∞"


def test_the_catalogues_are_those_that_the_code_offers():
    folders = {path.name for path in messages.LOCALES.iterdir()}
    assert folders | {"en"} == set(LOCALES)


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "en"])
def test_every_marked_text_is_translated(locale):
    assert messages.faults(locale) == [], 'run "make messages" and translate what is new'


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "en"])
def test_the_compiled_catalogue_is_that_of_the_source(locale):
    assert messages.texts_of(messages.compiled(locale)) == messages.texts_of(messages.read(locale))


def test_texts_are_found_in_code_and_templates():
    code = BytesIO(b'_("a"); _.n("b", "bs", 2); other("c"); self.n("d", "e", 1)')
    assert [found[1:3] for found in messages.from_python(code, None, None, {})] == [
        ("_", "a"),
        ("n", ("b", "bs")),
    ]
    page = BytesIO(b'{{ _("a") }}{{ _.n("b", "bs", n) }}{{ x("c") }}{% trans %}d{% endtrans %}')
    found = sorted(text[1:3] for text in messages.from_template(page, None, None, {}))
    assert found == [("_", "a"), ("_", "d"), ("n", ("b", "bs"))]


@pytest.mark.parametrize("source", [b"_(name)", b'_("a" + b)', b'_(f"{a}")', b'_.n("a", b, 1)'])
def test_a_marked_text_must_be_a_literal(source):
    with pytest.raises(messages.NotLiteralError, match="line 1"):
        list(messages.from_python(BytesIO(source), None, None, {}))
