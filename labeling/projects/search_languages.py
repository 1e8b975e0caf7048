"""The languages that PostgreSQL knows the stems of, as it calls them, in the words of the page."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

PLAIN = "simple"  # words as they are written, of any language

# Those that every PostgreSQL since 14 has and Django can name.
_CODES = {
    "arabic": "ar",
    "armenian": "hy",
    "basque": "eu",
    "catalan": "ca",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hindi": "hi",
    "hungarian": "hu",
    "indonesian": "id",
    "irish": "ga",
    "italian": "it",
    "lithuanian": "lt",
    "nepali": "ne",
    "norwegian": "nb",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "serbian": "sr",
    "spanish": "es",
    "swedish": "sv",
    "tamil": "ta",
    "turkish": "tr",
}
KNOWN = (PLAIN, *_CODES)


def choices() -> Iterator[tuple[str, str]]:
    """Gives each with its name in the reader's language, by that name."""
    yield PLAIN, _("Any: words as they are written")
    named = ((name, str(get_language_info(code)["name_translated"])) for name, code in _CODES.items())
    yield from sorted(named, key=lambda language: language[1].casefold())
