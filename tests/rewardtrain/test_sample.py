"""The sample project: what a first visitor finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling import content
from labeling.errors import Invalid
from labeling.models import Completion, Project, Prompt, Role, User
from labeling.people import access
from rewardtrain import sample
from rewardtrain.training.policy import get_policy, update_policy

pytestmark = pytest.mark.django_db


def test_it_has_prompts_of_four_completions_and_people_to_rank_them(tmp_path: Path) -> None:
    passwords = sample.load(tmp_path)
    project = Project.objects.get(slug="sample")
    assert Prompt.objects.filter(project=project).count() >= 40
    assert all(prompt.completions.count() == 4 for prompt in Prompt.objects.filter(project=project))
    assert set(passwords) == {"admin", "manager", "labeler1", "labeler2"}
    for username, password in passwords.items():
        assert User.objects.get(username=username).check_password(password)
    assert access.role_in(User.objects.get(username="manager"), project) is Role.MANAGER
    assert User.objects.get(username="admin").is_superuser


def test_the_logins_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    sample.load(tmp_path)
    file = tmp_path / sample.LOGINS
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text(encoding="utf-8").splitlines()) == 4


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    sample.load(tmp_path)
    before = (tmp_path / sample.LOGINS).read_text(encoding="utf-8")
    assert sample.load(tmp_path) == {}
    assert (tmp_path / sample.LOGINS).read_text(encoding="utf-8") == before
    assert Project.objects.count() == 1


def test_it_retrains_after_few_rankings_until_its_manager_says_otherwise(tmp_path: Path) -> None:
    sample.load(tmp_path)
    project = Project.objects.get(slug="sample")
    policy = get_policy(project)
    assert (policy.head_every_pairs, policy.first_minimum, policy.cooldown_minutes) == (30, 60, 1)
    update_policy(project, head_every_pairs=500)
    sample.load(tmp_path)
    assert get_policy(project).head_every_pairs == 500


def test_a_start_killed_half_way_leaves_no_project_without_its_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sample.POLICY, "every_pairs", 0)
    with pytest.raises(Invalid):
        sample.load(tmp_path)
    assert not Project.objects.exists()
    assert not User.objects.exists()


def test_all_three_splits_have_prompts(tmp_path: Path) -> None:
    sample.load(tmp_path)
    assert set(Prompt.objects.values_list("split", flat=True)) == {"train", "validation", "test"}


def test_every_text_can_be_shown(tmp_path: Path) -> None:
    sample.load(tmp_path)
    for completion in Completion.objects.all():
        assert content.render(completion.text).strip(), completion
