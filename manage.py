#!/usr/bin/env python
"""Podium's commands: `python manage.py help` lists them, `python manage.py up` runs everything."""

import errno
import os
import sys

# They read no data, so no database is started for them. `up` starts its own.
WITHOUT_SERVERS = frozenset(
    {"up", "help", "version", "collectstatic", "check", "spectacular", "startapp", "diffsettings"}
)


def main(argv: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if argv[1:2] == ["up"] and (data_dir := option(argv, "--data-dir")):
        # Before the settings are read, for they ask where the data is.
        os.environ["PODIUM_DATA_DIR"] = os.path.abspath(os.path.expanduser(data_dir))
    if argv[1:2] == ["up"] and "--json" in argv:
        os.environ["PODIUM_LOG"] = "json"
    from django.core.management import execute_from_command_line

    from config import embedded, logs

    needs_servers = len(argv) > 1 and argv[1] not in WITHOUT_SERVERS and not {"-h", "--help", "--version"} & set(argv)
    servers = embedded.needed_servers() if needs_servers else frozenset()
    if needs_servers or argv[1:2] == ["up"]:
        check_database(makes_tables=argv[1] in ("up", "migrate"))
    if argv[1:2] == ["up"]:
        check_broker()
    try:
        with embedded.running(embedded.data_directory(), servers):
            execute_from_command_line(argv)
    except embedded.EmbeddedServerError as error:
        sys.exit(logs.last_words(f"podium: {error}"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or embedded.data_directory()
        sys.exit(logs.last_words(f"podium: the disk is full ({where}): free some space, try again."))


def check_database(*, makes_tables: bool) -> None:
    from config import environment

    if environment.text("DATABASE_URL"):
        from django.conf import settings

        from config import preflight

        preflight.check_database(settings.DATABASES["default"], makes_tables=makes_tables)


def check_broker() -> None:
    from django.conf import settings

    from config import preflight

    if settings.REDIS_URL:  # reading it refuses a wrong one
        preflight.check_broker()


def option(argv: list[str], name: str) -> str | None:
    for index, word in enumerate(argv):
        if word == name and index + 1 < len(argv):
            return argv[index + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


if __name__ == "__main__":
    main(sys.argv)
