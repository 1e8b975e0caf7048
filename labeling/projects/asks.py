"""What a project asks beyond an order: checked before it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Project
from labeling.models.projects import COMPARISON
from labeling.projects.named import checked_label, checked_name

MAX_REASONS, MAX_ATTRIBUTES = 20, 10
MAX_TOP_K = 9  # of the most completions that there may be all but one
SMALLEST_SCALE, LARGEST_SCALE = 2, 10
RATING = "rating"
KINDS = [(RATING, RATING), (COMPARISON, COMPARISON)]  # of an attribute
Asks = Sequence[dict[str, Any]]


def checked_reasons(reasons: object) -> list[dict[str, str]]:
    """Gives reasons as they are stored. Raises Invalid."""
    return [
        {"name": name, "label": checked_label(reason, name, "ask_reasons")}
        for name, reason in _each(
            reasons, "ask_reasons", '{"name": "more_correct", "label": "More correct"}', MAX_REASONS
        )
        if _knows(reason, ("name", "label"), "ask_reasons")
    ]


def checked_attributes(attributes: object) -> list[dict[str, Any]]:
    """Gives attributes as they are stored: a rating with its scale, a comparison of two without. Raises Invalid."""
    example = '{"name": "helpful", "label": "Helpful", "scale": 5}'
    return [_attribute(name, each) for name, each in _each(attributes, "attributes", example, MAX_ATTRIBUTES)]


def check_kind(project: Project) -> None:
    """Raises Invalid for what a classification can't ask, for it has no order."""
    if project.judgement.has_order:
        return
    if project.ask_acceptable:
        message = _("A classification has no order, so it has no line in it; leave ask_acceptable off.")
        raise Invalid("not_of_this_kind", message, attr="ask_acceptable")
    if project.top_k:
        message = _("A classification has no best ones to rank; leave top_k out, or send 0, not %(value)d.")
        raise Invalid("not_of_this_kind", message % {"value": project.top_k}, attr="top_k")
    if project.attributes:
        message = _("A classification asks yes or no of its flags and rates nothing; leave attributes empty.")
        raise Invalid("not_of_this_kind", message, attr="attributes")
    if project.ask_rewrite != Project.Rewrite.OFF:
        message = _("A classification has no best text to write anew; leave ask_rewrite off.")
        raise Invalid("not_of_this_kind", message, attr="ask_rewrite")


def _attribute(name: str, attribute: dict[str, Any]) -> dict[str, Any]:
    _knows(attribute, ("name", "label", "kind", "scale", "low", "high"), "attributes")
    checked: dict[str, Any] = {"name": name, "label": checked_label(attribute, name, "attributes")}
    kind = attribute.get("kind", RATING)
    if kind == COMPARISON:
        if attribute.get("scale") is not None:
            message = _("%(name)s compares two from -3 to 3; leave its scale out.")
            raise Invalid("attributes_invalid", message % {"name": name}, attr="attributes")
        return {**checked, "kind": COMPARISON}
    if kind != RATING:
        message = _("%(name)s is a rating of each completion or a comparison of two, not %(value)r.")
        raise Invalid("attributes_invalid", message % {"name": name, "value": str(kind)[:80]}, attr="attributes")
    checked["scale"] = _scale(name, attribute.get("scale", 5))
    for end in ("low", "high"):
        if said := attribute.get(end):
            checked[end] = checked_label({"label": said}, name, "attributes")
    return checked


def _scale(name: str, scale: object) -> int:
    if isinstance(scale, bool) or not isinstance(scale, int) or not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        message = _("The scale of %(name)s goes from 1 to a number of %(low)d to %(high)d, not %(value)r.")
        said = {"name": name, "low": SMALLEST_SCALE, "high": LARGEST_SCALE, "value": str(scale)[:80]}
        raise Invalid("attributes_invalid", message % said, attr="attributes")
    return scale


def _each(items: object, field: str, example: str, most: int) -> list[tuple[str, dict[str, Any]]]:
    """Gives each with its name, which is a name and there once."""
    if not isinstance(items, list | tuple):
        message = _("%(field)s is a list such as [%(example)s], not %(value)s.")
        said = {"field": field, "example": example, "value": str(items)[:80]}
        raise Invalid(f"{field}_invalid", message % said, attr=field)
    if len(items) > most:
        message = _("%(field)s has %(n)d entries; a project has at most %(most)d.")
        raise Invalid(f"{field}_invalid", message % {"field": field, "n": len(items), "most": most}, attr=field)
    named: dict[str, dict[str, Any]] = {}
    for item in items:
        if not isinstance(item, dict):
            message = _("An entry of %(field)s is such as %(example)s, not %(value)s.")
            said = {"field": field, "example": example, "value": str(item)[:80]}
            raise Invalid(f"{field}_invalid", message % said, attr=field)
        name = checked_name(item.get("name"), field)
        if name in named:
            message = _("%(value)s is there twice in %(field)s.")
            raise Invalid(f"{field}_invalid", message % {"value": name, "field": field}, attr=field)
        named[name] = item
    return list(named.items())


def _knows(item: dict[str, Any], keys: Sequence[str], field: str) -> bool:
    if unknown := sorted(map(str, set(item) - set(keys))):
        message = _("An entry of %(field)s has %(known)s; it has no %(value)s.")
        said = {"field": field, "known": ", ".join(keys), "value": ", ".join(unknown)[:80]}
        raise Invalid(f"{field}_invalid", message % said, attr=field)
    return True
