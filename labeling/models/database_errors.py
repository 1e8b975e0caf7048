"""Why a database refused to store something, in words for a person: never its own, which hold SQL."""

from __future__ import annotations

from django.db import DatabaseError, OperationalError
from django.utils.translation import gettext as _

# Classes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) that say nothing of what is
# stored: no connection, no room, shut down, an error of the system or of PostgreSQL itself.
_OF_THE_SERVER = ("08", "25", "53", "57", "58", "XX")


def is_about_the_data(error: Exception) -> bool:
    """Tells whether other data could have been stored: false where the database is away, full or shutting down."""
    state = sqlstate(error)
    if isinstance(error, OperationalError) and not state:  # no connection, whose end nobody was there to name
        return False
    # psycopg itself refuses a NUL, with an error of data that has no state.
    return isinstance(error, UnicodeError) or (
        isinstance(error, DatabaseError) and not state.startswith(_OF_THE_SERVER)
    )


def sqlstate(error: Exception) -> str:
    return str(getattr(error.__cause__, "sqlstate", None) or "")


def reason_of(error: Exception) -> str:
    """Says why in words that stand next to the error's place."""
    state = sqlstate(error)
    if state == "22003":
        return _("a number is too large to be stored")
    if state == "22001":
        return _("a text is too long to be stored")
    if state in ("", "22021", "22P02", "22P05") or isinstance(error, UnicodeError):
        return _("a text or a number holds what can't be stored, such as a NUL character or half a surrogate pair")
    if state.startswith("54"):
        return _("it is too large or nested too deep to be stored")
    if state == "23505" or state.startswith(("40", "55")):
        return _("somebody else was storing the same at this moment: send it again")
    return _("it goes against a rule that the database keeps")


def in_words(error: Exception) -> str:
    """Words any unforeseen error for a page or an answer: its own text, unless it may hold SQL."""
    if isinstance(error, DatabaseError):
        return f"{type(error).__name__}: {reason_of(error)}"
    return f"{type(error).__name__}: {error}"
