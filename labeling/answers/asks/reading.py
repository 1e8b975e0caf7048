"""How parts of an answer are read, whatever was sent: objects, completions' ids, and values as a message shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from labeling.errors import Invalid


def shown(value: object) -> str:
    """Shows a value in an error message: enough of it to be recognised, and no more of it looked at."""
    pieces = json.JSONEncoder(ensure_ascii=False, default=str).iterencode(_begun(value))
    text = "".join(islice(pieces, 81)).encode(errors="backslashreplace").decode()
    return text if len(text) <= 80 else text[:77] + "..."


def _begun(value: object) -> object:
    return value[:81] if isinstance(value, str) else value


def object_of(value: object, field: str, expected: str, *, attr: str = "") -> Mapping[str, Any]:
    """Takes an object; none at all is an empty one, where it is the field itself. Raises Invalid."""
    if value is None and not attr:
        return {}
    if not isinstance(value, Mapping):
        message = _("The %(field)s are an object such as %(expected)s, not %(value)s.")
        said = {"field": field, "expected": expected, "value": shown(value)}
        raise Invalid(f"{field}_not_an_object", message % said, attr=attr or field)
    return value


def completion_of(entry: object, ids: Mapping[str, str], attr: str) -> str:
    """Finds the completion that an entry stands for; a whole number is taken for its digits. Raises Invalid."""
    completion = ids.get(str(entry)) if isinstance(entry, str | int) else None
    if completion is None:
        message = _("%(id)s is not a completion of this task; its completions are %(ids)s.")
        said = {"id": shown(entry), "ids": ", ".join(dict.fromkeys(ids.values()))}
        raise Invalid("unknown_completion", message % said, attr=attr)
    return completion


def is_whole(value: object, low: int, high: int) -> bool:
    """Tells whether it is a whole number of these; true and 4.0 are none."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def text_of(value: object, code: str, what: str, limit: int, *, attr: str) -> str:
    """Takes a text that PostgreSQL can keep, without the space around it. Raises Invalid."""
    if not isinstance(value, str):
        message, said = _("%(what)s is text, not %(value)s."), shown(value)
    elif "\x00" in value:
        message, said = _("%(what)s can't hold a NUL character: %(value)s."), shown(value)
    elif len(value.strip()) > limit:
        message, said = _("%(what)s has at most %(limit)d characters; this has %(value)s."), str(len(value.strip()))
    else:
        return value.strip()
    raise Invalid(code, message % {"what": what, "value": said, "limit": limit}, attr=attr)
