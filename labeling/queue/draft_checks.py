"""Checks what a labeler sends before an answer: a draft of one, or a reason. Plain values, no database."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.utils.translation import gettext as _

from labeling.errors import Invalid

MAX_REASON = 300
# Room for any answer that is accepted: ten notes, a comment and a rewrite in characters of four bytes each.
MAX_DRAFT_KIB = 160


def checked_draft(draft: Mapping[str, object]) -> dict[str, object]:
    """Takes any object of a size that an answer could have, and that PostgreSQL can keep."""
    try:
        text = json.dumps(draft, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (UnicodeEncodeError, ValueError) as error:
        raise _unstorable() from error
    if size > MAX_DRAFT_KIB * 1024:
        message = _("A draft has at most %(limit)d KiB; this has %(size)d.")
        raise Invalid("draft_too_large", message % {"limit": MAX_DRAFT_KIB, "size": -(-size // 1024)})
    if "\\u0000" in text and _holds_nul(draft):  # JSON has no other way to write one
        raise _unstorable()
    return dict(draft)


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(part) for item in value.items() for part in item)
    return isinstance(value, list) and any(map(_holds_nul, value))


def _unstorable() -> Invalid:
    message = _("This draft can't be stored: it holds a NUL, half a surrogate pair or a number without end.")
    return Invalid("draft_unstorable", message)


def checked_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        message = _("Say why in a few words; it helps whoever looks at this prompt.")
        raise Invalid("reason_required", message, attr="reason")
    if len(reason) > MAX_REASON:
        message = _("A reason has at most %(limit)d characters; this has %(length)d.")
        raise Invalid("reason_too_long", message % {"limit": MAX_REASON, "length": len(reason)}, attr="reason")
    return reason
