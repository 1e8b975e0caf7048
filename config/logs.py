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
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

PROCESS = "PODIUM_PROCESS"  # in the environment of what `up` starts: its name among the lines
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
        return super().format(record).rstrip("\n").replace("\n", "\n    ")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return moment(record.created)


class Json(Line):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": self.formatTime(record), "level": record.levelname, "logger": record.name}
        fields["message"] = record.getMessage()
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return as_json(os.environ.get(PROCESS, ""), fields)


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
    if is_json():
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
