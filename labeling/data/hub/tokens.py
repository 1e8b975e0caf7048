"""The token that a hub asks for: from HF_TOKEN, or typed. It is in no argument, file, log or message of ours."""

from __future__ import annotations

import os
import re
import sys
from getpass import getpass

from labeling.errors import Invalid

VARIABLE = "HF_TOKEN"
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")


def given() -> str | None:
    """Gives what HF_TOKEN holds; None where it is not set. Raises Invalid('hub_token')."""
    token = os.environ.get(VARIABLE, "").strip()
    return _checked(token, VARIABLE) if token else None


def needed() -> str:
    """Gives what HF_TOKEN holds, or asks for a token where somebody sits there. Raises Invalid('hub_token')."""
    if (token := given()) is not None:
        return token
    if not sys.stdin.isatty():
        raise Invalid("hub_token", f"A hub takes nothing without a token: set {VARIABLE} to one with write access.")
    return _checked(getpass("The hub's token (not shown, not kept): ").strip(), "what was typed")


def _checked(token: str, where: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise Invalid("hub_token", f"{where} is no token: one line of letters and digits, as the hub shows it once.")
    return token
