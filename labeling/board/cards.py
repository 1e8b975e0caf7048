"""What stands on the board, as templates show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from labeling import content

YES, NO = "1", "0"  # a flag as a form has it; a checkbox that isn't set sends nothing


@dataclass(frozen=True)
class Shown:
    """A completion as it reaches the board: an id to answer with, and its text."""

    id: str
    text: str


@dataclass(frozen=True)
class Turn:
    role: str
    who: str
    html: SafeString
    source: SafeString


@dataclass(frozen=True)
class Flag:
    field: str
    label: str
    answer: str  # YES, NO, or "" where nothing was said

    @property
    def checked(self) -> bool:
        return self.answer == YES


@dataclass(frozen=True)
class Card:
    """A completion as a labeler sees it: a letter and a text, nothing that tells whose it is."""

    id: str
    letter: str
    html: SafeString
    source: SafeString  # the text as it was written, for the plain-text view
    like: str  # the letters of those that look the same once rendered, but are other texts
    field: str
    rank: str  # "" where it is not placed yet
    flags: list[Flag]
    note_field: str
    note: str


@dataclass(frozen=True)
class Strength:
    value: int
    label: str
    checked: bool


def dialogue(messages: Sequence[Mapping[str, str]]) -> list[Turn]:
    who = {"user": _("Person"), "assistant": _("Assistant"), "system": _("Instructions to the assistant")}
    return [
        Turn(
            message["role"],
            who.get(message["role"], message["role"]),
            content.render(message["content"]),
            content.source(message["content"]),
        )
        for message in messages
    ]
