"""What Podium keeps in a session of PostgreSQL is what docs/operating.md says: the rest works through PgBouncer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("config", "jobs", "labeling", "operations", "rewardtrain")
# Also where only the name stands, which is put into a statement elsewhere.
LOCKS = r"pg_(try_)?advisory_(un)?lock(_shared|_all)?\b"
STATE = {
    LOCKS: set(),  # those of a transaction of its own do: jobs/locks.py
    # Outside of a transaction a named cursor, which iterator() is, would be one of the session.
    r"\.iterator\(|chunked_cursor\(": {
        "config/servers/database/base.py",  # which gives no named one there
        "labeling/data/versions/frozen_rows.py",
        "labeling/data/exporting/pair_groups.py",
        "labeling/data/exporting/ranked_prompts.py",
        "rewardtrain/automatic/best_of.py",
    },
    r"(?i)\b(create|into) (local |global )?temp(orary)?\b": set(),
    r"\b(UN)?LISTEN\b|\bPREPARE \w|\bDEALLOCATE\b|prepare_threshold|\bDISCARD\b": set(),
    r"\bWITH HOLD\b|\bSET (SESSION|ROLE|TIME ZONE)\b|['\"]SET (?!LOCAL|TRANSACTION)[a-z_]+ ?(=|TO)": set(),
    r"set_config\(.*,\s*false\)": set(),
}


@pytest.mark.parametrize("pattern", STATE)
def test_a_session_keeps_only_what_the_documentation_lists(pattern: str) -> None:
    files = [file for package in PACKAGES for end in ("py", "sql") for file in (ROOT / package).rglob(f"*.{end}")]
    files = [file for file in files if "migrations" not in file.parts]  # which go to PostgreSQL itself
    found = {str(file.relative_to(ROOT)) for file in files if re.search(pattern, file.read_text())}
    assert found == STATE[pattern]


def test_a_lock_of_a_session_is_seen_wherever_its_name_stands() -> None:
    for words in ('_ask("pg_advisory_lock_shared")', "SELECT pg_try_advisory_lock(1)", "pg_advisory_unlock_all()"):
        assert re.search(LOCKS, words), words
    for words in ("pg_advisory_xact_lock(1)", "pg_try_advisory_xact_lock_shared"):
        assert not re.search(LOCKS, words), words
