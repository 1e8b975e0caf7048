"""The bad lines of an import as a file of their own: to be corrected, and sent again."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from typing import IO, Any

from formats.files.csv_rows import DELIMITERS
from formats.files.records import Record, Records
from formats.refusals import Refused
from labeling.data.importing.background import import_files
from labeling.models import Import

_DELIMITER_OF = {name: delimiter for delimiter, name in DELIMITERS.items()}
_json = json.JSONEncoder(ensure_ascii=False).encode


class BadLines:
    """Written as lines turn out to be bad: as a table where the file is one that spreadsheets write, else JSON Lines.

    Of a worker that was killed more may be there than its row says; the next one begins where the row says.
    """

    def __init__(self, job: Import) -> None:
        self.job = job
        self._file: IO[bytes] | None = None
        self._delimiter, self._header = "", list[str]()
        self._values: dict[int, object] = {}  # of records that may turn out bad, by their number
        self._looked_at = 0  # the last number that a row was made of

    def begin(self, file_format: str) -> None:
        """Tells what the file is that the lines are of."""
        self._delimiter = _DELIMITER_OF.get(file_format, "")

    def remembering(self, records: Records) -> Iterator[Record]:
        """Yields the file's records, read ahead: the first tell the layout, and some are a prompt together."""
        for record in records:
            if not self._header and isinstance(record.value, dict):
                self._header = list(record.value)
            self._values[record.number] = record.value
            yield record

    def looking_at(self, rows: Records) -> Iterator[Record]:
        """Yields the rows that are made of them."""
        for row in rows:
            self._looked_at = row.number
            yield row

    def forget(self) -> None:
        """Lets go of those whose batch is stored."""
        self._values = {number: value for number, value in self._values.items() if number > self._looked_at}

    def write(self, number: int) -> None:
        """Writes the line of this number; it is kept once progress() is."""
        value = self._values.pop(number, None)
        if value is None:
            return
        file = self._file or self._open()
        file.write(self._as_row(value) if self._delimiter else _as_line(value))

    def progress(self) -> dict[str, Any]:
        """Gives what the row is to say of the file, after all of it is on the disk."""
        if self._file is None:
            return {}
        self._file.flush()
        os.fsync(self._file.fileno())
        return {"bad_lines": import_files.name_of_bad_lines(self.job), "bad_bytes": self._file.tell()}

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _open(self) -> IO[bytes]:
        path = import_files.path_of(import_files.name_of_bad_lines(self.job))
        self._file = file = path.open("ab")
        file.truncate(min(self.job.bad_bytes, path.stat().st_size))
        file.seek(0, os.SEEK_END)
        if self._delimiter and self._header and not self.job.bad_bytes:
            file.write(self._written(self._header))
        return file

    def _as_row(self, value: object) -> bytes:
        if isinstance(value, dict):
            return self._written([_cell(value.get(name)) for name in self._header])
        return _as_line(value)

    def _written(self, cells: list[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        return text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _as_line(value: object) -> bytes:
    """Writes a record, or where it could not be read what was seen of it."""
    if isinstance(value, Refused):
        seen = value.value
        text = seen if isinstance(seen, str) and "\n" not in seen else _json(seen)
    else:
        text = _json(value)
    return text.encode("utf-8", "replace") + b"\n"


def media_type(job: Import) -> str:
    return "text/csv; charset=utf-8" if _is_table(job) else "application/x-ndjson"


def file_name(job: Import) -> str:
    """Names the file as it is downloaded."""
    return f"{job.project.slug}-import-{job.number}-bad.{'csv' if _is_table(job) else 'jsonl'}"


def _is_table(job: Import) -> bool:
    return any(job.container == name or job.container.startswith(f"{name} (") for name in DELIMITERS.values())


def opened(job: Import) -> IO[bytes] | None:
    """Opens the file; None where no line was bad. While the import goes on there may be more than its row says."""
    if not job.bad_lines:
        return None
    try:
        return import_files.path_of(job.bad_lines).open("rb")
    except FileNotFoundError:
        return None
