#!/usr/bin/env python
"""Podium's commands: `python manage.py help` lists them, `python manage.py up` runs everything."""

import errno
import os
import sys
from pathlib import Path

# They read no data, so no database is started for them. `up` starts its own.
WITHOUT_SERVERS = frozenset(
    {
        "up",
        "help",
        "version",
        "collectstatic",
        "findstatic",
        "check",
        "check_deployment",  # says itself what can't be asked
        "spectacular",
        "startapp",
        "diffsettings",
        "makemessages",
        "compilemessages",
    }
)


def main(argv: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if argv[1:2] == ["up"] and "--json" in argv:
        os.environ["PODIUM_LOG"] = "json"
    from django.core.management import execute_from_command_line

    from config import logs
    from config.environment import direct, folders
    from config.servers import embedded

    if argv[1:2] == ["up"] and (data_dir := option(argv, "--data-dir")):
        # Before the settings are read, for they ask where the data is.
        os.environ["PODIUM_DATA_DIR"] = str(folders.as_folder("--data-dir", data_dir, base=Path.cwd()))
    name = argv[1] if len(argv) > 1 else "help"
    direct.take(name)
    reads = name not in WITHOUT_SERVERS and not {"-h", "--help", "--version"} & set(argv)
    ours = embedded.needed_servers()
    try:
        if reads or name == "up":
            check_servers(name, but=ours)
        with embedded.running(folders.data_directory(), ours if reads else frozenset()):
            if reads:
                check_servers(name, but=frozenset(embedded.SERVERS) - ours)
            execute_from_command_line(argv)
    except embedded.EmbeddedServerError as error:
        sys.exit(logs.last_words(f"podium: {error}"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or folders.data_directory()
        sys.exit(logs.last_words(f"podium: the disk is full ({where}): free some space, try again."))


def check_servers(name: str, *, but: frozenset[str]) -> None:
    """Asks those that the command can't do without. Only `up` needs the broker: a sweep finds what it misses."""
    from django.conf import settings
    from django.core import management

    from config.servers import preflight

    servers = frozenset({"postgres", "valkey"} if name == "up" else {"postgres"}) - but
    if name in ("up", "migrate", "restore"):
        tables = preflight.Tables.MAKES
    else:  # Django's own are also for whoever mends a database
        of_django = name in management.find_commands(management.__path__[0])
        tables = preflight.Tables.NEEDS_NONE if of_django else preflight.Tables.USES
    preflight.check(settings, servers, tables)


def option(argv: list[str], name: str) -> str | None:
    for index, word in enumerate(argv):
        if word == name and index + 1 < len(argv):
            return argv[index + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


if __name__ == "__main__":
    main(sys.argv)
