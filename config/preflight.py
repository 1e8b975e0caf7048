"""Asks the operator's own servers once before a command begins, so that a wrong address is a sentence.

The name's server is looked for in a thread with a deadline, for a resolver or a silent host would take minutes.
"""

import re
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import psycopg

from config.addresses import hidden
from config.environment import WrongSetting, text

SECONDS = 1.5


def check_database(settings: dict[str, Any], *, makes_tables: bool = False) -> None:
    """Raises WrongSetting. Does nothing without DATABASE_URL: the embedded server is our own."""
    url = text("DATABASE_URL")
    if not url:
        return
    if settings["HOST"] and not settings["HOST"].startswith("/"):
        reach("DATABASE_URL", url, settings["HOST"], int(settings["PORT"] or 5432))
    try:
        with psycopg.connect(re.sub("^pgsql:", "postgresql:", url), connect_timeout=10) as connection:
            query = "SELECT current_schema() IS NOT NULL AND has_schema_privilege(current_schema(), 'CREATE')"
            row = connection.execute(query).fetchone()
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WrongSetting(f"podium: The database of DATABASE_URL ({hidden(url)}) can't be opened: {said}") from None
    if makes_tables and not (row and row[0]):
        raise WrongSetting(
            f"podium: The role of DATABASE_URL ({hidden(url)}) may not make tables there: let it own the database, or "
            "GRANT CREATE ON SCHEMA public TO it."
        )


def check_broker() -> None:
    """Raises WrongSetting where nothing listens at REDIS_URL."""
    url = text("REDIS_URL")
    parts = urlsplit(url)
    if parts.hostname:
        reach("REDIS_URL", url, parts.hostname, parts.port or 6379)


def reach(name: str, url: str, host: str, port: int) -> None:
    failure: list[str] = [f"it doesn't answer within {SECONDS} s"]

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=SECONDS).close()
            failure.clear()
        except OSError as error:
            failure[:] = [error.strerror or str(error)]

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if failure:
        raise WrongSetting(f"podium: {host}:{port} of {name} ({hidden(url)}) can't be reached: {failure[0]}.")
