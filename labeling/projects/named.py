"""Names that programs use, and labels that people read: of flags, reasons and attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _

from labeling.errors import Invalid

NAME = r"^[a-z][a-z0-9_]{0,39}$"
MAX_LABEL = 120


def checked_name(name: object, field: str) -> str:
    """Takes a name such as factual_error. Raises Invalid."""
    if not isinstance(name, str) or not re.fullmatch(NAME.strip("^$"), name):
        message = _("A name in %(field)s is like 'factual_error', not %(value)r.")
        raise Invalid(f"{field}_invalid", message % {"field": field, "value": str(name)[:80]}, attr=field)
    return name


def checked_label(item: Mapping[str, object], name: str, field: str) -> str:
    """Takes its label, or makes one of its name. Raises Invalid."""
    label = item.get("label") or name.replace("_", " ").capitalize()
    if not isinstance(label, str) or len(label) > MAX_LABEL or "\x00" in label:
        message = _("A label in %(field)s is a text of at most %(limit)d characters, not %(value)r.")
        said = {"field": field, "limit": MAX_LABEL, "value": str(label).replace("\x00", "\ufffd")[:80]}
        raise Invalid(f"{field}_invalid", message % said, attr=field)
    return label
