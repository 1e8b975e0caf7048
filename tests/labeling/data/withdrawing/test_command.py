"""manage.py withdraw_prompts"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Project, Prompt
from tests.factories import make_project, make_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(slug="helpful")
    for number in range(3):
        make_prompt(project, external_id=f"p{number}")
    return project


def test_a_file_of_ids_and_back(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("p0\np2\nnowhere\n")
    call_command("withdraw_prompts", "helpful", str(file), dry_run=True)
    assert not Prompt.objects.filter(withdrawn_at__isnull=False).exists()
    call_command("withdraw_prompts", "helpful", str(file))
    said = capsys.readouterr()
    assert "2 prompts would be withdrawn" in said.out
    assert "2 prompts withdrawn, with 0 rankings; 0 unchanged, 1 unknown." in said.out
    assert "unknown: nowhere" in said.err
    assert Prompt.objects.filter(withdrawn_at__isnull=False).count() == 2
    call_command("withdraw_prompts", "helpful", str(file), restore=True)
    assert not Prompt.objects.filter(withdrawn_at__isnull=False).exists()


def test_what_can_not_be_read_is_said(project: Project, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text('{"name": "p0"}\n')
    for arguments, words in (
        (("nowhere", str(bad)), "no project"),
        (("helpful", str(tmp_path / "missing")), "Can't read"),
        (("helpful", str(bad)), "Line 1"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("withdraw_prompts", *arguments)
