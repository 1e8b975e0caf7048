"""Whoever had ranked before pseudonyms were stored keeps the one that exports had."""

from __future__ import annotations

import pytest
from django.utils.crypto import salted_hmac

from labeling.data.exporting import pseudonyms
from labeling.models import LabelerCounter, Project, User
from tests.factories import join, make_project, make_prompt, rank
from tests.session.older import older

KEPT = "labeler-0123456789abcdef"


@pytest.fixture
def project(transactional_db: None) -> Project:
    return make_project(slug="helpful")


def test_an_upgrade_stores_what_exports_had(project: Project) -> None:
    make_prompt(project)
    ann = join(project, username="ann")
    rank(project, ann)
    imported = User.objects.create(username=f"{KEPT}@helpful", is_imported=True)
    LabelerCounter.objects.create(project=project, labeler=imported)
    with older([("labeling", "0057_doubts_of_champions")]):
        pass
    made = salted_hmac("labeling.data.exporting.pseudonyms", f"{project.pk}/ann", algorithm="sha256").hexdigest()
    assert dict(pseudonyms.in_project(project)) == {"ann": f"labeler-{made[:16]}", imported.username: KEPT}
    make_prompt(project)
    bo = join(project, username="bo")
    rank(project, bo)
    made = salted_hmac("labeling.data.exporting.pseudonyms", f"{project.pk}/bo", algorithm="sha256").hexdigest()
    assert dict(pseudonyms.in_project(project))["bo"] != f"labeler-{made[:16]}"
