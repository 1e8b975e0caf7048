"""Makes the sample project and its accounts, for whoever starts Podium for the first time."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from labeling.data.importing.imports import import_lines
from labeling.data.importing.upload_lines import lines_of
from labeling.models import Membership, Project, Role, User
from labeling.projects.projects import create_project

SLUG = "sample"
FLAGS = [{"name": "factual_error", "label": "Factual error"}, {"name": "hateful", "label": "Hateful"}]
ROLES = {"manager": Role.MANAGER, "labeler1": Role.LABELER, "labeler2": Role.LABELER}
LOGINS = "logins.txt"


@dataclass(frozen=True)
class Sample:
    project: Project
    is_new: bool
    passwords: dict[str, str]  # of the accounts that were made


def load(data_dir: Path) -> Sample:
    """Makes what is missing. New accounts' passwords are also kept in `data_dir`/logins.txt."""
    with transaction.atomic():
        users, passwords = _accounts()
        found = Project.objects.filter(slug=SLUG).first()
        project = found or _project(users)
        for username, role in ROLES.items():
            Membership.objects.get_or_create(project=project, user=users[username], defaults={"role": role})
        if passwords:
            # Inside the transaction: an account whose password nobody could read would be worse than none.
            _keep(data_dir / LOGINS, passwords)
    return Sample(project, is_new=found is None, passwords=passwords)


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
    folder = Path(__file__).parent
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
    return project


def _keep(path: Path, passwords: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.writelines(f"{username} {password}\n" for username, password in passwords.items())
