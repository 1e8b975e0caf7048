"""Asks PostgreSQL, Redis and the bucket of artifacts once before a process begins, so that what can't be used is one
sentence and no traceback.

Each is asked in a thread with a deadline, for a resolver or a silent host would take minutes.
"""

import os
import re
import socket
import threading
import time
from collections.abc import Collection
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import psycopg

from config.environment import direct
from config.environment.addresses import hidden
from config.environment.variables import WrongSetting, text
from config.servers import embedded

SECONDS = 2.0
ANSWER_SECONDS = 1.5  # of one server, so that it is known what it was asked when the time is over
NO_TLS = " It doesn't seem to speak TLS: redis:// is without."
OURS = "^(labeling|rewardtrain)_"  # our tables; others may have theirs in the same schema


class Tables(Enum):
    """What a process wants of the database's tables."""

    MAKES = "makes or changes them"
    USES = "reads and writes all of them"
    NEEDS_NONE = "begins without them"


def check(settings: Any, servers: Collection[str] = tuple(embedded.SERVERS), tables: Tables = Tables.USES) -> None:
    """Raises WrongSetting for the first of them that can't be used. `settings` are Django's, or their module."""
    data_dir = settings.DATA_DIR  # in this thread first, for to read it reads all settings, and a wrong one ends us
    questions = {"postgres": lambda: ask_database(settings, tables), "valkey": lambda: ask_broker(settings)}
    failures = {name: f"doesn't answer within {SECONDS:.0f} s." for name in questions if name in servers}

    def ask(name: str) -> None:
        try:
            questions[name]()
            del failures[name]
        except Unusable as error:
            failures[name] = str(error)
        except Exception as error:  # one sentence, whatever it is
            failures[name] = f"can't be asked: {first_line(error)}"

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in failures]
    deadline = time.monotonic() + SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    for name, words in list(failures.items()):
        raise WrongSetting(f"podium: {title(name, data_dir)} {words}")
    if servers and text("PODIUM_STORAGE"):
        ask_storage(settings)


class Unusable(Exception):
    """The words go on after the server's name."""


def refuse(words: str) -> NoReturn:
    raise Unusable(words) from None


def title(server: str, data_dir: Path) -> str:
    kind, variable = {"postgres": "database", "valkey": "Redis"}[server], embedded.SERVERS[server]
    if server == "postgres":
        variable = direct.variable()
    if url := text(variable):
        return f"The {kind} of {variable} ({hidden(url)})"
    return f"Podium's own {kind} in {data_dir}"


def reach(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        refuse(f"can't be reached: {error.strerror or error}.")


def not_running() -> NoReturn:
    refuse("isn't running: `manage.py up` starts it and all of Podium.")


# --- The bucket of artifacts ------------------------------------------------------------------------------------------


def ask_storage(settings: Any) -> None:
    """Looks for the bucket and writes an empty object. Raises WrongSetting."""
    from artifacts.bucket import Bucket
    from artifacts.errors import StorageAway

    try:
        Bucket(**settings.STORAGES["models"]["OPTIONS"], attempts=1).check()
    except StorageAway as error:
        raise WrongSetting(f"podium: PODIUM_STORAGE ({hidden(text('PODIUM_STORAGE'))}): {error}") from None


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def ask_database(settings: Any, tables: Tables) -> None:
    url = text("DATABASE_URL")
    host, port = settings.DATABASES["default"]["HOST"], settings.DATABASES["default"]["PORT"]
    if url and host and not host.startswith("/"):
        reach(host, int(port or 5432))
    if not url and not (embedded.postgres_socket_dir(settings.DATA_DIR) / ".s.PGSQL.5432").exists():
        not_running()
    try:
        with psycopg.connect(database_address(settings), connect_timeout=10) as connection:
            ask_rights(connection, tables)
            if tables is Tables.USES:
                ask_migrations(connection, settings.INSTALLED_APPS)
    except psycopg.Error as error:
        refuse(f"can't be opened: {first_line(error)}")


def database_address(settings: Any) -> str:
    """Gives it as libpq reads it."""
    return re.sub("^pgsql:", "postgresql:", text("DATABASE_URL") or embedded.database_url(settings.DATA_DIR))


def ask_rights(connection: psycopg.Connection[Any], tables: Tables) -> None:
    query = (
        "SELECT current_schema() IS NOT NULL AND has_schema_privilege(current_schema(), 'CREATE'), "
        "current_setting('transaction_read_only') = 'on'"
    )
    creates, read_only = connection.execute(query).fetchone() or (False, False)
    if read_only and tables is not Tables.NEEDS_NONE:
        refuse("can only be read: it is a copy of another server, or default_transaction_read_only is on.")
    if tables is Tables.MAKES and not creates:
        refuse("lets this role make no tables: let the role own the database, or GRANT CREATE ON SCHEMA public TO it.")
    right = {
        Tables.MAKES: "pg_has_role(relowner, 'USAGE')",
        Tables.USES: " AND ".join(
            f"has_table_privilege(oid, '{word}')" for word in ("SELECT", "INSERT", "UPDATE", "DELETE")
        ),
        Tables.NEEDS_NONE: "true",
    }[tables]
    closed = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' "
        f"AND relname ~ '{OURS}' AND NOT ({right}) ORDER BY relname LIMIT 1"
    ).fetchone()
    if closed:
        what = "change its tables" if tables is Tables.MAKES else "read and write its tables"
        refuse(f"doesn't let this role {what}, e.g. {closed[0]}: take the role that owns them, or GRANT it the right.")


def ask_migrations(connection: psycopg.Connection[Any], apps: list[str]) -> None:
    """Looks for the files alone: to load them takes a second, and all of Django, which a web server's parent lacks."""
    done: set[str] = set()
    if (connection.execute("SELECT to_regclass('django_migrations')").fetchone() or [None])[0]:
        done = {f"{app}.{name}" for app, name in connection.execute("SELECT app, name FROM django_migrations")}
    missing = sorted(migrations(apps) - done)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        refuse(f"lacks the migration {missing[0]}{more}: run `manage.py migrate` first (`make run` does).")


def migrations(apps: list[str]) -> set[str]:
    """Lists all apps' migrations as `label.name`."""
    names = set()
    for app in apps:
        package, *inner = app.split(".")
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            files = Path(folder, *inner, "migrations").glob("[!_~]*.py")
            names |= {f"{app.rpartition('.')[2]}.{file.stem}" for file in files}
    return names


# --- Redis ----------------------------------------------------------------------------------------------------------


def ask_broker(settings: Any) -> None:
    """Asks by a command that writes and changes nothing: one that only reads would do on a copy, or without rights."""
    import redis

    client = broker(settings)
    options = client.connection_pool.connection_kwargs
    if "path" in options and not text("REDIS_URL") and not os.path.exists(options["path"]):
        not_running()
    if "host" in options:
        reach(options["host"], int(options.get("port", 6379)))
    secure = settings.REDIS.ssl is not None
    try:
        with client:
            client.delete("podium.preflight")
    except redis.TimeoutError:  # also one that reads a TLS greeting for a command without an end
        refuse(f"doesn't answer within {SECONDS:.0f} s.{NO_TLS if secure else ''}")
    except (redis.RedisError, OSError, ValueError) as error:
        refuse(f"can't be used: {first_line(error)}{hint(str(error), secure=secure)}")


def broker(settings: Any) -> Any:
    """Gives a client that asks once."""
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    # RESP2 says what is missing; RESP3 of a server with a password speaks of HELLO.
    return settings.REDIS.client(protocol=2, retry=once, socket_timeout=ANSWER_SECONDS)


def hint(words: str, *, secure: bool) -> str:
    if secure and ("wrong version number" in words.lower() or "WRONG_VERSION" in words):
        return NO_TLS
    if not secure and ("closed by server" in words or "reset by peer" in words or "Protocol" in words):
        return " It may speak TLS: rediss:// is with."
    return ""


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."
