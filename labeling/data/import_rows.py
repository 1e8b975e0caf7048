"""One line of an import: a row of the format (formats.rows) within the limits of what the project asks for."""

from __future__ import annotations

from collections.abc import Sequence

from formats import rows
from formats.rows import Row
from labeling.judgements import RANKING, Judgement


def parse_line(line: bytes, *, flags: Sequence[str] = (), judgement: Judgement = RANKING) -> Row:
    """Reads one line of JSON Lines. Raises Refused. flags: the names of the project's."""
    row = rows.parse_row(rows.read_json(line), judgement.limits)
    judgement.check_recorded(row.rankings, flags)
    return row
