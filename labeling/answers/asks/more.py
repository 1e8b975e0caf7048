"""All that an answer says beyond its order, together: read from what was sent, and as the database takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labeling.answers.asks import acceptable, attributes, reasons, rewrite
from labeling.answers.asks.asked import Asked
from labeling.answers.asks.rewrite import Rewrite


@dataclass(frozen=True)
class More:
    """What was said; what wasn't is None or empty. attributes: by completion, as attributes.parse gives them."""

    acceptable: int | None = None
    reasons: tuple[str, ...] = ()
    attributes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rewrite: Rewrite | None = None

    def under(self, names: Mapping[str, str]) -> More:
        """Gives the same with other names for the completions."""
        return replace(
            self,
            attributes={names[key]: dict(named) for key, named in self.attributes.items()},
            rewrite=self.rewrite and replace(self.rewrite, of=names[self.rewrite.of]),
        )

    def said(self) -> dict[str, Any]:
        """Gives those that were said, by their names: what makes two answers differ."""
        values: dict[str, Any] = {
            "acceptable": self.acceptable,
            "reasons": list(self.reasons),
            "attributes": self.attributes,
        }
        if self.rewrite:
            values["rewrite"] = {"of": self.rewrite.of, "text": self.rewrite.text}
        return {name: value for name, value in values.items() if value not in (None, [], {})}

    def stored(self, completions: Sequence[str]) -> dict[str, Any]:
        """Gives what podium_answer takes: attributes in the order of these completions."""
        said = self.said()
        if self.attributes:
            said["attributes"] = [dict(self.attributes.get(completion, {})) for completion in completions]
        return said


def parse_more(
    payload: Mapping[str, Any],
    asked: Asked,
    *,
    tiers: Sequence[Sequence[str]],
    comment: str,
    placed: Sequence[str],
    completion_ids: Sequence[str],
    ids: Mapping[str, str],
) -> More:
    """Reads all that a project may ask. Raises Invalid naming the field, the value and what is expected.

    tiers: of what was ranked, without a rest below it. placed: the completions in them, which are rated.
    """
    return More(
        acceptable=acceptable.parse(payload.get("acceptable"), len(tiers), asked),
        reasons=reasons.parse(payload.get("reasons"), comment, asked),
        attributes=attributes.parse(
            payload.get("attributes"), payload.get("comparisons"), completion_ids, ids, asked, rated=placed
        ),
        rewrite=rewrite.parse(payload.get("rewrite"), tiers, ids, asked),
    )
