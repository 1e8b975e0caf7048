"""The sample project and its accounts, for whoever starts Podium for the first time."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.db import transaction

from config.settings import BASE_DIR
from labeling.data.imports import import_lines
from labeling.data.upload_lines import lines_of
from labeling.models import Membership, Project, Role, User
from labeling.projects.projects import create_project
from rewardtrain.models import RetrainPolicy

SLUG = "sample"
FLAGS = [{"name": "factual_error", "label": "Factual error"}, {"name": "hateful", "label": "Hateful"}]
ROLES = {"manager": Role.MANAGER, "labeler1": Role.LABELER, "labeler2": Role.LABELER}
LOGINS = "logins.txt"


def load(data_dir: Path) -> dict[str, str]:
    """Makes what is missing. Returns the new accounts' passwords, which are also kept in `data_dir`/logins.txt."""
    with transaction.atomic():
        users, passwords = _accounts()
        project = Project.objects.filter(slug=SLUG).first() or _project(users)
        for username, role in ROLES.items():
            Membership.objects.get_or_create(project=project, user=users[username], defaults={"role": role})
        if passwords:
            # Inside the transaction: an account whose password nobody could read would be worse than none.
            _keep(data_dir / LOGINS, passwords)
    return passwords


def _accounts() -> tuple[dict[str, User], dict[str, str]]:
    users, passwords = {}, {}
    for username in ("admin", *ROLES):
        user = User.objects.filter(username=username).first()
        if user is None:
            administrator = username == "admin"
            user = User(username=username, is_staff=administrator, is_superuser=administrator)
            passwords[username] = secrets.token_urlsafe(12)
            user.set_password(passwords[username])
            user.save()
        users[username] = user
    return users, passwords


def _project(users: dict[str, User]) -> Project:
    folder = BASE_DIR / "labeling" / "sample"
    project = create_project(
        by=users["manager"],
        slug=SLUG,
        name="Sample: helpful answers",
        guidelines=(folder / "guidelines.md").read_text(encoding="utf-8"),
        flags=FLAGS,
        overlap=2,
    )
    with (folder / "prompts.jsonl").open("rb") as file:
        report = import_lines(project, lines_of(file))
    assert not report.errors, report.errors[0].detail
    # Small numbers, so that a first visitor sees a retraining after a coffee's worth of rankings.
    small = {"head_every_pairs": 30, "first_minimum": 60, "every_pairs": 60, "cooldown_minutes": 1}
    RetrainPolicy.objects.update_or_create(project=project, defaults=small)
    return project


def _keep(path: Path, passwords: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.writelines(f"{username} {password}\n" for username, password in passwords.items())
