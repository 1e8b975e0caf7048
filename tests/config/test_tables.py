"""After a test that committed the tables are as Django's `flush` would leave them; what was kept comes back whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from labeling.models import DatasetVersion, User
from tests.every_door import furnish
from tests.rewardtrain.conftest import models_in
from tests.session import tables

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        found = {}
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            found[name] = cursor.fetchone()[0]
    return found


def test_nothing_stays_but_what_flush_would_leave(tmp_path: Path) -> None:
    with models_in(tmp_path):
        furnish()  # frozen versions too, which a trigger protects
    assert DatasetVersion.objects.exists()
    tables.empty()
    ours = rows()
    call_command("flush", interactive=False, verbosity=0)
    assert ours == rows()


def test_a_table_that_has_grown_large_is_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGE", 0)
    User.objects.create_user("ann")
    tables.empty()
    assert not User.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('labeling_user')")
        assert cursor.fetchone()[0] == 0


def test_what_was_kept_comes_back_whole_and_new_rows_beside_it(tmp_path: Path) -> None:
    with models_in(tmp_path):
        furnish()
    before = rows()
    kept = tables.keep()
    tables.empty()
    tables.put_back(kept)
    assert rows() == before
    assert tables.keep() == kept
    people = set(User.objects.values_list("pk", flat=True))
    assert User.objects.create_user("ann").pk not in people
