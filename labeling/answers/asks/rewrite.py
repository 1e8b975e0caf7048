"""What a labeler made of a completion that they put first: edited over chosen over rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from labeling.answers.asks.asked import Asked
from labeling.answers.asks.reading import completion_of, object_of, shown, text_of
from labeling.errors import Invalid

MAX_REWRITE = 20_000  # characters: twice what nearly all completions have
EXAMPLE = '{"of": "id", "text": "..."}'


@dataclass(frozen=True)
class Rewrite:
    of: str  # the completion
    text: str


def parse(value: object, tiers: Sequence[Sequence[str]], ids: Mapping[str, str], asked: Asked) -> Rewrite | None:
    """Takes {"of", "text"}, of a completion in the best tier, which is better than the others and worse than the text.

    Raises Invalid.
    """
    if value is None:
        return None
    if not asked.rewrite:
        message = _("This project asks for no rewrite; leave %(value)s out.")
        raise Invalid("rewrite_invalid", message % {"value": shown(value)}, attr="rewrite")
    said = object_of(value, "rewrite", EXAMPLE, attr="rewrite")
    if unknown := sorted(map(str, set(said) - {"of", "text"}))[:5]:
        message = _("A rewrite has of and text; it has no %(value)s.")
        raise Invalid("rewrite_invalid", message % {"value": ", ".join(unknown)[:80]}, attr="rewrite")
    of = completion_of(said.get("of"), ids, "rewrite.of")
    if of not in tiers[0]:
        message = _("%(id)s is not in the best tier; rewrite one of these: %(best)s.")
        raise Invalid("rewrite_not_of_the_best", message % {"id": of, "best": ", ".join(tiers[0])}, attr="rewrite.of")
    text = text_of(said.get("text"), "rewrite_invalid", _("A rewrite"), MAX_REWRITE, attr="rewrite.text")
    if not text:
        message = _("This rewrite is empty: write what would be better, or leave it out.")
        raise Invalid("rewrite_invalid", message, attr="rewrite.text")
    return Rewrite(of, text)
