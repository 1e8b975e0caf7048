"""docs/coming-from.md: each import that it shows is run on a file as people of that tool have it."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from labeling.models import Project, Prompt, Ranking
from tests.formats.layouts.samples_of import FOLDER
from tests.labeling.data.importing.test_import_refusals import project

pytestmark = pytest.mark.django_db
__all__ = ["project"]  # the fixture

TEXT = (Path(settings.BASE_DIR) / "docs" / "coming-from.md").read_text()
COMMANDS = re.findall(r"^    manage\.py (import_prompts .*)$", TEXT, re.MULTILINE)
SAMPLES = {"trl-preference.jsonl": "trl-preference.plain.jsonl"}
WRITTEN = {
    "openrlhf.jsonl": {"question": "Why?", "good": "Because.", "bad": "No."},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_import_that_the_page_shows_brings_prompts_and_rankings(
    project: Project, tmp_path: Path, command: str
) -> None:
    name, slug, file, *options = shlex.split(command)
    path = tmp_path / file
    if file in WRITTEN:
        path.write_text(json.dumps(WRITTEN[file]))
    else:
        shutil.copy(FOLDER / SAMPLES.get(file, file), path)
    out = io.StringIO()
    call_command(name, slug, str(path), *options, stdout=out, stderr=out)
    assert Prompt.objects.exists(), out.getvalue()
    assert Ranking.objects.exists(), out.getvalue()


def test_every_tool_is_shown() -> None:
    assert len(COMMANDS) == 7
