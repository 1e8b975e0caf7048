"""Gives some commands PostgreSQL's own address, where DATABASE_URL is that of a pool such as PgBouncer."""

import os
from collections.abc import MutableMapping

from config.environment import addresses
from config.environment.variables import refuse, text

VARIABLE = "PODIUM_DATABASE_DIRECT_URL"
# What leaves a statement or a transaction open for longer than a pool may allow.
COMMANDS = frozenset({"backup", "check_counters", "dbshell", "migrate", "restore"})


def take(command: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """Has the settings, which are read after this, take it for the command."""
    if command in COMMANDS and (url := text(VARIABLE, environ=environ)):
        environ["DATABASE_URL"] = url


def check() -> None:
    """Raises WrongSetting for an address that can't be right, or one that stands alone."""
    url = text(VARIABLE)
    if not url:
        return
    addresses.database(VARIABLE, "")
    if not text("DATABASE_URL"):
        refuse(VARIABLE, addresses.hidden(url), "DATABASE_URL is not set: without a pool set that one alone.")


def variable() -> str:
    """Names the variable that this process has its database from."""
    return VARIABLE if text(VARIABLE) and text(VARIABLE) == text("DATABASE_URL") else "DATABASE_URL"
