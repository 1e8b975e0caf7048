"""Why: reasons from the project's list, and words where one of both can't be left out."""

from __future__ import annotations

from django.utils.translation import gettext as _

from labeling.answers.asks.asked import Asked
from labeling.answers.asks.reading import shown
from labeling.errors import Invalid


def parse(value: object, comment: str, asked: Asked) -> tuple[str, ...]:
    """Takes names of the project's reasons and gives them in its order, each once. Raises Invalid.

    A project that requires a justification takes a reason for one, and words for another.
    """
    known = [reason["name"] for reason in asked.reasons]
    if value is not None and not isinstance(value, list):
        message = _('Reasons are a list such as ["more_correct"], not %(value)s.')
        raise Invalid("reasons_not_a_list", message % {"value": shown(value)}, attr="reasons")
    picked = set()
    for name in value or ():
        if not isinstance(name, str) or name not in known:
            message = _("There is no reason %(name)s in this project; it has: %(known)s.")
            said = {"name": shown(name), "known": ", ".join(known) or _("none")}
            raise Invalid("unknown_reason", message % said, attr="reasons")
        picked.add(name)
    if asked.justification == "required" and asked.is_complete and not picked and not comment:
        raise Invalid("justification_missing", _missing(known), attr="reasons" if known else "comment")
    return tuple(name for name in known if name in picked)


def _missing(known: list[str]) -> str:
    if known:
        message = _("Say why: pick a reason (%(known)s), or write a comment.")
        return message % {"known": ", ".join(known)}
    return _("Say why in a comment; this project asks for a justification.")
