"""The functions in the database are what the .sql files say, and stay so."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.db import connection

from labeling.models import functions
from tests import factories

pytestmark = pytest.mark.django_db

WRITTEN = re.compile(r"FUNCTION (podium_\w+)\(|\('(podium_\w+)', ")


def in_the_database() -> set[str]:
    """But for those of triggers, which migrations make with the trigger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'podium%' AND prorettype <> 'trigger'::regtype")
        return {name for (name,) in cursor.fetchall()}


def test_every_function_of_the_files_is_there_and_once() -> None:
    written = [a or b for file in functions.files() for a, b in WRITTEN.findall(file.read_text(encoding="utf-8"))]
    assert len(written) == len(set(written)) > 10
    assert set(written) <= in_the_database()


def test_a_migrate_puts_them_back_as_the_files_say() -> None:
    factories.make_prompt(project := factories.make_project())
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION podium_free_slot(prompt bigint, slots smallint, moment timestamptz)"
            " RETURNS smallint LANGUAGE sql AS 'SELECT NULL::smallint'"
        )
    call_command("migrate", verbosity=0)
    assert factories.claimed(project, factories.join(project)).slot == 1


def test_what_was_read_in_part_reads_the_rest_when_it_is_asked_for() -> None:
    project = factories.make_project()
    part = functions.loaded(type(project), {"id": project.pk, "slug": project.slug, "flags": "[]"})
    assert (part.slug, part.flags, part.name) == (project.slug, [], project.name)
