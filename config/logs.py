"""How a log line looks: with its time in UTC, as text or, with PODIUM_LOG=json, as one JSON object.

Knows no Django and nothing of ours, so that also what ends a process before its settings are read is such a line.
"""

import json
import logging
import logging.config
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

PROCESS = "PODIUM_PROCESS"  # in the environment of what `up` starts: its name among the lines
QUOTED = re.compile(r': ".*', re.DOTALL)  # invalid input syntax for type integer: "lena"
TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(process: str, fields: dict[str, Any]) -> str:
    """Writes it in ASCII, so that no text breaks the line or the stream: not U+2028, and not half a surrogate pair."""
    first = {name: fields[name] for name in ("time", "level") if name in fields}
    return json.dumps({**first, **({"process": process} if process else {}), **fields})


# --- What a process logs itself ---------------------------------------------------------------------------------------


class Line(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """What goes on is set in, so that nobody's text can begin a line as another record does."""
        return without_rows(super().format(record), record).rstrip("\n").replace("\n", "\n    ")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return moment(record.created)


class Json(Line):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": self.formatTime(record), "level": record.levelname, "logger": record.name}
        fields["message"] = without_rows(record.getMessage(), record)
        if record.exc_info:
            fields["exception"] = without_rows(self.formatException(record.exc_info), record)
        return as_json(os.environ.get(PROCESS, ""), fields)


def without_rows(text: str, record: logging.LogRecord) -> str:
    """Leaves of each error of PostgreSQL that the record is about only its first sentence and its state.

    What follows there, DETAIL, CONTEXT and a piece of the statement, quotes rows: names of people who may be erased.
    """
    args = record.args if isinstance(record.args, tuple) else ()
    first = [record.exc_info[1]] if record.exc_info else []
    said: dict[str, str] = {}
    for error in _with_causes([*first, *(each for each in args if isinstance(each, BaseException))]):
        if sentence := getattr(getattr(error, "diag", None), "message_primary", None):
            short = f"{QUOTED.sub(': ...', sentence)} ({getattr(error, 'sqlstate', None)})"
            said |= {str(error): short, repr(str(error))[1:-1]: short}
    for words in sorted(said, key=len, reverse=True):
        text = text.replace(words, said[words])
    return text


def _with_causes(errors: list[BaseException | None]) -> Iterator[BaseException]:
    seen = set()
    while errors:
        error = errors.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        errors += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]


class Without(logging.Filter):
    """Drops the lines that hold these words, or are about answers of this status."""

    def __init__(self, *, words: str | None = None, status: int | None = None) -> None:
        super().__init__()
        self.words, self.status = words, status

    def filter(self, record: logging.LogRecord) -> bool:
        if self.words and self.words in record.getMessage():
            return False
        return self.status is None or getattr(record, "status_code", None) != self.status


class WithoutAccounts(logging.Filter):
    """Takes usernames out of the paths of addresses that have some: a line would keep a person's name who is erased."""

    PATHS = re.compile(r"(/api/v1/accounts/|/api/v1/projects/[^/]*/members/).+", re.DOTALL)

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                self.PATHS.sub(r"\1...", each) if isinstance(each, str) else each for each in record.args
            )
        return True


FORMATTERS = {"text": "config.logs.Line", "json": "config.logs.Json"}


def configure(settings: dict[str, Any]) -> None:
    """Configures logging, as Django's LOGGING_CONFIG. What Python itself would print, warnings and an error's end,
    becomes lines as well."""
    logging.config.dictConfig(settings)
    logging.captureWarnings(True)
    if is_json() or PROCESS in os.environ:  # whose standard error is a log
        sys.excepthook = log_error
        threading.excepthook = lambda args: log_error(args.exc_type, args.exc_value, args.exc_traceback)


def log_error(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if issubclass(kind, Exception) and error is not None:
        logging.getLogger("podium").critical("ended by an error", exc_info=(kind, error, traceback))
    else:  # Ctrl-C
        sys.__excepthook__(kind, error or kind(), traceback)


def is_json() -> bool:
    return os.environ.get("PODIUM_LOG", "").strip() == "json"


def last_words(sentence: str) -> str:
    """Words what a process writes to standard error at its end."""
    if not is_json():
        return sentence
    fields = {"time": moment(time.time()), "level": "CRITICAL", "logger": "podium", "message": sentence}
    return as_json(os.environ.get(PROCESS, ""), fields)


# --- What another process has written ---------------------------------------------------------------------------------


def timed(line: str) -> str:
    return line if TIMED.match(line) else f"{moment(time.time())} {line}"


def in_json(process: str, line: str) -> str:
    """Writes one of our own lines with the process' name; anything else, a library's print say, as its message."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not (isinstance(fields, dict) and isinstance(fields.get("message"), str) and "time" in fields):
        fields = {"time": moment(time.time()), "level": "INFO", "message": line}
    return as_json(process, {name: value for name, value in fields.items() if name != "process"})
