"""Texts for people, in their language.

Mark a text with a literal call, ``_("Critical alert")``, where ``_`` comes from `translator`. Placeholders
are named: ``%(name)s``. ``make messages`` collects the marked texts and compiles the catalogues.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import Any

from mirante.errors import ConfigError

__all__ = [
    "LOCALES",
    "Translator",
    "format_datetime",
    "format_number",
    "format_pattern",
    "normal_locale",
    "translator",
]

LOCALES = ("en", "pt_BR")

_DOMAIN = "mirante"
_PLACEHOLDER = re.compile(r"%%|%\((\w+)\)s")


class Translator:
    """Turns English texts into one locale's; a text that the catalogue lacks stays English.

    Parameters
    ----------
    locale : str
        One of `LOCALES`.
    catalogue : NullTranslations
        The locale's texts.

    Examples
    --------
    >>> _ = translator("pt_BR")
    >>> _("Critical alert")
    'Alerta Crítico'
    >>> translator("en")("%(count)s of 5", count=3)
    '3 of 5'
    """

    __slots__ = ("_catalogue", "locale")

    def __init__(self, locale: str, catalogue: NullTranslations) -> None:
        self.locale = locale
        self._catalogue = catalogue

    def __repr__(self) -> str:
        return f"Translator({self.locale!r})"

    def __call__(self, message: str, /, **values: object) -> str:
        """Return the text in this locale.

        Parameters
        ----------
        message : str
            The English text.
        **values
            Put in the place of ``%(name)s``. Without any, the text is returned as it stands, so that
            ``_("...") % {...}`` works too.

        Returns
        -------
        str
            The text; a placeholder without a value stays.
        """
        # gettext answers "" with the catalogue's own header
        return _fill(self._catalogue.gettext(message) if message else message, values)

    def n(self, singular: str, plural: str, n: int, /, **values: object) -> str:
        """Return the singular or the plural, as the locale's grammar has it for `n`.

        Parameters
        ----------
        singular, plural : str
            The English texts; ``%(n)s`` is filled with `n`.
        n : int
            How many.
        **values
            Further values for placeholders.

        Returns
        -------
        str
            The text.

        Examples
        --------
        >>> translator("en").n("%(n)s alert", "%(n)s alerts", 2)
        '2 alerts'
        """
        return _fill(self._catalogue.ngettext(singular, plural, n), {"n": n, **values})


def _fill(text: str, values: Mapping[str, object]) -> str:
    if not values:
        return text

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "%"
        return str(values[name]) if name in values else match[0]

    # by hand, since the "%" operator would take "18 % of rows" for a format
    return _PLACEHOLDER.sub(value, text)


def normal_locale(locale: str) -> str:
    """Return the one of `LOCALES` that serves `locale`.

    Parameters
    ----------
    locale : str
        A language tag, such as ``pt-BR``, ``pt_BR.UTF-8``, ``pt`` or ``en_GB``.

    Returns
    -------
    str
        One of `LOCALES`; the same language serves all of its countries.

    Raises
    ------
    ConfigError
        If there is no catalogue for the language.

    Examples
    --------
    >>> normal_locale("pt"), normal_locale("en-GB")
    ('pt_BR', 'en')
    >>> normal_locale("tlh")
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: there are no texts for the locale 'tlh'; choose one of: en, pt_BR
    """
    language = re.split(r"[-_.@]", locale, maxsplit=1)[0].lower()
    for known in LOCALES:
        if known.split("_")[0] == language:
            return known
    raise ConfigError(f"there are no texts for the locale {locale!r}; choose one of: {', '.join(LOCALES)}")


def translator(locale: str = "en") -> Translator:
    """Return the translator of a locale; the catalogue is read once.

    Parameters
    ----------
    locale : str
        ``en``, ``pt_BR``, or what `normal_locale` turns into one of them.

    Returns
    -------
    Translator
        The same object for the same locale; safe to share between threads.

    Raises
    ------
    ConfigError
        If there is no catalogue for the language.

    Examples
    --------
    >>> translator("pt-br").locale
    'pt_BR'
    """
    return _load(normal_locale(locale))


@cache
def _load(locale: str) -> Translator:
    if locale == "en":  # the texts in the code are English
        return Translator(locale, NullTranslations())
    path = files(__name__) / "locales" / locale / "LC_MESSAGES" / f"{_DOMAIN}.mo"
    with path.open("rb") as file:
        return Translator(locale, GNUTranslations(file))


def format_datetime(
    moment: datetime, locale: str = "en", *, timezone: str = "UTC", style: str = "medium"
) -> str:
    """Return a moment as people of a locale write it.

    Parameters
    ----------
    moment : datetime
        With a time zone; one without is taken for UTC.
    locale : str
        See `translator`.
    timezone : str, default "UTC"
        IANA name of the clock to show.
    style : {"short", "medium", "long", "full"}
        How much of it; ``long`` and ``full`` name the time zone.

    Returns
    -------
    str
        Date and time.

    Examples
    --------
    >>> blizzard = datetime(2013, 2, 8, 23, 30, tzinfo=UTC)
    >>> format_datetime(blizzard, "pt_BR", timezone="America/New_York", style="short")
    '08/02/2013 18:30'
    """
    from babel.dates import format_datetime as babel_datetime
    from babel.dates import get_timezone

    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    zone = get_timezone(timezone)
    return babel_datetime(aware, style, tzinfo=zone, locale=normal_locale(locale)).replace("\u202f", " ")


def format_number(value: float, locale: str = "en", *, digits: int = 2) -> str:
    """Return a number as people of a locale write it.

    Parameters
    ----------
    value : float
        NaN is written as a dash.
    locale : str
        See `translator`.
    digits : int, default 2
        At most so many after the decimal sign.

    Returns
    -------
    str
        With the locale's decimal sign and groups of thousands.

    Examples
    --------
    >>> format_number(336776.5), format_number(336776.5, "pt_BR")
    ('336,776.5', '336.776,5')
    >>> format_number(float("nan"))
    '–'
    """
    if value != value:  # NaN is the one number that differs from itself
        return "–"
    return format_pattern(value, "#,##0." + "#" * digits, locale)


def format_pattern(value: float, pattern: str, locale: str = "en") -> str:
    """Return a number as a pattern of the Unicode consortium writes it, with the signs of a locale.

    Parameters
    ----------
    value : float
        Finite.
    pattern : str
        Such as ``#,##0.00``.
    locale : str
        See `translator`.

    Examples
    --------
    >>> format_pattern(0.5, "#,##0.00", "pt_BR")
    '0,50'
    """
    form, signs = _number_form(pattern, normal_locale(locale))
    return str(form.apply(value, signs))


@cache
def _number_form(pattern: str, locale: str) -> tuple[Any, Any]:
    """Return a pattern and a locale as Babel wants them: to read both costs more than to write a number."""
    from babel import Locale
    from babel.numbers import parse_pattern

    return parse_pattern(pattern), Locale.parse(locale)
