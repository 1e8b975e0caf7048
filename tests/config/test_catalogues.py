"""The translations: complete, safe to put into a page, compiled, and level with the code."""

from __future__ import annotations

import gettext
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings

from tests.conftest import REPOSITORY, missing

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\(\w+\)[#0\- +.\d]*[a-z]|%%|\{\w+\}")
TAG = re.compile(r"<[^>]+>")


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalogue(language: str) -> Catalog:
    return catalogue_of(REPOSITORY, language)


def catalogue_of(root: Path, language: str) -> Catalog:
    with (root / "locale" / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=language)


def messages_of(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def pairs_of(message: Message) -> list[tuple[str, str]]:
    """(English, translated): one of a plain message; of a plural one the last English form with each translated."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return [(message.id[-1], str(form)) for form in message.string]


def test_every_message_is_translated_and_none_is_a_guess(catalogue: Catalog) -> None:
    for message in messages_of(catalogue):
        assert not message.fuzzy, f"check the guess for {message.id!r} and remove its 'fuzzy' line"
        assert all(translated.strip() for _, translated in pairs_of(message)), f"{message.id!r} is not translated"


def test_a_translation_has_the_placeholders_and_tags_of_its_message(catalogue: Catalog) -> None:
    for message in messages_of(catalogue):
        for english, translated in pairs_of(message):
            for kind in (PLACEHOLDER, TAG):
                assert sorted(kind.findall(translated)) == sorted(kind.findall(english)), message.id


def test_a_translation_can_stand_in_an_attribute(catalogue: Catalog) -> None:
    """Templates put translations into pages as they are, so that links in them work."""
    for message in messages_of(catalogue):
        for english, translated in pairs_of(message):
            if '"' not in english:
                assert '"' not in translated, f"{translated!r}: use the language's own quotation marks"


def test_a_translation_begins_and_ends_as_its_message_does(catalogue: Catalog) -> None:
    """The full stop or colon at the end, and no space where there was none."""
    for message in messages_of(catalogue):
        for english, translated in pairs_of(message):
            assert translated == translated.strip(), message.id
            if english[-1] in ".:;?":
                assert translated[-1] == english[-1], message.id


def test_the_compiled_catalogue_says_what_the_written_one_says(catalogue: Catalog, language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    with (REPOSITORY / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        assert words_of(file) == words_of(compiled), "run `make messages`"


def words_of(file: io.BufferedIOBase) -> dict[object, str]:
    words: dict[object, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key: value for key, value in words.items() if key}


def test_code_and_templates_say_nothing_that_the_catalogue_lacks(language: str, tmp_path: Path) -> None:
    """`manage.py makemessages` on a copy of the source finds just the messages of the committed catalogue."""
    if shutil.which("xgettext") is None:
        missing("there is no xgettext: `apt install gettext`")
    source = tmp_path / "source"
    packages = ("artifacts", "config", "formats", "jobs", "labeling", "operations", "rewardtrain")
    for folder in (*packages, "templates", "locale"):
        shutil.copytree(REPOSITORY / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "manage.py", source)
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--verbosity", "0"],
        cwd=source,
        env={**os.environ, "PODIUM_DATA_DIR": str(tmp_path / "data"), "DJANGO_SETTINGS_MODULE": "config.settings"},
        check=True,
    )
    fresh, committed = (keys_of(catalogue_of(root, language)) for root in (source, REPOSITORY))
    assert sorted(fresh - committed) == [], "run `make messages` and translate these"
    assert sorted(committed - fresh) == [], "run `make messages`: nothing says these any more"


def keys_of(catalogue: Catalog) -> set[tuple[str, str]]:
    return {(message.context or "", str(message.id)) for message in messages_of(catalogue)}
