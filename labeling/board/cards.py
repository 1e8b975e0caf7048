"""What stands on the board, as templates show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from labeling import content

if TYPE_CHECKING:
    from labeling.board.asks import Scale

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
class Slot:
    number: int
    chosen: bool
    required: bool = True

    @property
    def attributes(self) -> str:
        """Gives what its radio button says of itself."""
        return f"{' required' if self.required else ''}{' checked' if self.chosen else ''}"


@dataclass(frozen=True)
class Card:
    """A completion as a labeler sees it: a letter and a text, nothing that tells whose it is."""

    id: str
    letter: str
    alone: bool  # one text has no other to stand before or after
    html: SafeString
    source: SafeString  # the text as it was written, for the plain-text view
    like: str  # the letters of those that look the same once rendered, but are other texts
    field: str
    slots: list[Slot]
    flags: list[Flag]
    note_field: str
    note: str
    ratings: Sequence[Scale] = ()

    @property
    def name(self) -> str:
        return self._named(_("Completion %(letter)s"))

    @property
    def rank_label(self) -> str:
        return self._named(_("Rank of completion %(letter)s"))

    @property
    def flags_label(self) -> str:
        return self._named(_("About completion %(letter)s"))

    @property
    def questions_label(self) -> str:
        return self._named(_("Questions about the text") if self.alone else _("Questions about completion %(letter)s"))

    @property
    def note_label(self) -> str:
        words = _("What is wrong with the text") if self.alone else _("What is wrong with completion %(letter)s")
        return self._named(words)

    def _named(self, words: str) -> str:
        return words % {"letter": self.letter}


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
