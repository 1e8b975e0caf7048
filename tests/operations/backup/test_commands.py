"""The two commands as a person types them, and a backup of an earlier Podium."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from config.servers import embedded
from operations.backup.backup import back_up
from operations.backup.progress import Silent
from rewardtrain.models import RewardModel
from rewardtrain.registry.model_files import model_folder
from tests.config.helpers import REPOSITORY, environ, manage
from tests.operations.backup.conftest import OpenEmpty
from tests.rewardtrain.conftest import models_in
from tests.upgrade.conftest import OLD, counts_of, move_to, restored, url


def test_from_one_folder_to_another_through_a_pipe(tmp_path: Path) -> None:
    """With servers of its own, which the commands start and stop."""
    one, two, file = tmp_path / "one", tmp_path / "two", tmp_path / "b"
    assert manage("migrate", "-v", "0", PODIUM_DATA_DIR=str(one)).returncode == 0
    make = "from tests.factories import make_prompt, make_project as p; make_prompt(p(slug='there'))"
    made = manage("shell", "-v", "0", "-c", make, PODIUM_DATA_DIR=str(one))
    assert made.returncode == 0, made.stderr
    with file.open("wb") as out:
        command = [sys.executable, "manage.py", "backup", "-"]
        variables = environ(PODIUM_DATA_DIR=str(one))
        done = subprocess.run(
            command, cwd=REPOSITORY, env=variables, stdout=out, stderr=subprocess.PIPE, text=True, check=True
        )
    assert "holds 1 projects, 1 accounts" in done.stderr
    assert "it holds the secret key" in done.stderr.replace("\n", " ")
    back = manage("restore", str(file), PODIUM_DATA_DIR=str(two))
    assert back.returncode == 0, back.stderr
    assert "Restored as of" in back.stdout
    assert (two / "secret_key").read_bytes() == (one / "secret_key").read_bytes()
    count = "from labeling.models import *; print(Project.objects.get().slug, Completion.objects.count())"
    assert manage("shell", "-v", "0", "-c", count, PODIUM_DATA_DIR=str(two)).stdout.split() == ["there", "4"]
    again = manage("restore", "-v", "0", str(file), PODIUM_DATA_DIR=str(two))
    assert again.returncode == 1
    assert again.stderr.strip().startswith("CommandError: This site is not empty: it has 1 accounts, 1 projects, 1 pro")


@pytest.mark.django_db(transaction=True)
def test_a_backup_of_an_earlier_podium_is_migrated(servers: embedded.Lease, empty: OpenEmpty, tmp_path: Path) -> None:
    shutil.copytree(OLD / "models", tmp_path / "old")
    here = connection.settings_dict["NAME"]
    with restored("podium_older"):
        try:
            move_to("podium_older")
            with models_in(tmp_path / "old"):
                manifest = back_up(tmp_path / "b", Silent())
                with psycopg.connect(url("podium_older")) as own:
                    before = counts_of(own)
        finally:
            move_to(here)
    assert manifest.lacking == []
    with empty(migrated=True):
        call_command("restore", str(tmp_path / "b"), verbosity=0)
        call_command("migrate", check_unapplied=True, verbosity=0)
        call_command("check_counters", verbosity=0)
        connection.ensure_connection()
        after = counts_of(connection.connection)
        names = ("labeling_ranking", "labeling_preferencepair", "labeling_user", "rewardtrain_trainingrun")
        assert {name: after[name] for name in names} == {name: before[name] for name in names}
        champion = RewardModel.objects.filter(champion=True).first()
        assert champion
        assert (model_folder(champion) / "manifest.json").is_file()
