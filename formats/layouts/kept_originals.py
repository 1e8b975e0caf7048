"""What metadata keeps of a row's texts as its file had them: messages of a program with tools, which say more.

They are read as conversations under keys of their own (prompt, chosen, messages, context, ...), at the top of metadata.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from formats.layouts.conversation import conversation_of
from formats.messages import Message, as_text
from formats.refusals import Refused

MOST_TURNS = 50  # of one completion: from each turn on to the end is much text


def originals(metadata: Mapping[str, object], texts: Collection[str]) -> dict[str, object]:
    """Gives those conversations of the metadata that say one of these texts, as a turn or as turns to their end."""
    return {key: value for key, value in metadata.items() if not _texts_in(value).isdisjoint(texts)}


def texts_shown(messages: Iterable[Message], completions: Iterable[str]) -> set[str]:
    """Gives the texts of a row that an original may say."""
    return {*(message["content"] for message in messages), *completions} - {""}


def _texts_in(value: object) -> set[str]:
    """Gives what a row may show of a conversation: each of its turns, and as one completion those from any turn on."""
    try:
        messages = conversation_of(value, "").messages
    except Refused:
        return set()
    return set(_each_text(messages))


def _each_text(messages: list[Message]) -> Iterator[str]:
    for place, message in enumerate(messages):
        yield message["content"]
        if place >= len(messages) - MOST_TURNS:
            yield as_text(messages[place:])
