"""Every rule that the database keeps, fired."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from labeling.data.deleting.deletions import request_deletion
from labeling.data.versions.datasets import freeze
from labeling.models import (
    Assignment,
    BulkAct,
    Completion,
    DatasetVersion,
    Import,
    Invitation,
    Membership,
    PersonErasure,
    PreferencePair,
    Project,
    ProjectDeletion,
    Prompt,
    PromptErasure,
    PromptRevision,
    RankedCompletion,
    Ranking,
    ReplacedFile,
    ReviewAct,
    ReviewCase,
    SavedView,
    User,
    WorkWithdrawal,
)
from tests.factories import claimed, join, make_project, make_prompt, rank

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


@pytest.fixture
def ranking(project: Project, labeler: User) -> Ranking:
    make_prompt(project)
    return rank(project, labeler)


def refused(name: str, write: Callable[[], object]) -> None:
    """The write fails on the constraint of that name, at once or at commit."""

    def at_commit() -> None:
        with transaction.atomic():
            write()
            connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError) as caught:
        at_commit()
    assert caught.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]


def copy_of(row: Assignment | Ranking | PreferencePair, **changes: object) -> Callable[[], object]:
    fields = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.primary_key and not field.generated
    }
    return lambda: type(row).objects.create(**{**fields, **changes})


def test_a_pair_prefers_a_completion_to_another_not_to_itself(ranking: Ranking) -> None:
    pair = ranking.pairs.all()[0]
    refused("pair_sides_differ", copy_of(pair, rejected_id=pair.chosen_id))


def test_a_pair_has_a_gap(ranking: Ranking) -> None:
    pairs = PreferencePair.objects.filter(ranking=ranking)
    refused("pair_rank_gap_positive", lambda: pairs.update(rank_gap=0))


def test_a_ranking_says_a_pair_once_whichever_way_round(ranking: Ranking) -> None:
    pair = ranking.pairs.all()[0]
    turned = copy_of(pair, chosen_id=pair.rejected_id, rejected_id=pair.chosen_id)
    refused("pair_once_per_ranking", copy_of(pair))
    refused("pair_once_per_ranking", turned)


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_both_sides_of_a_pair_belong_to_its_prompt(project: Project, ranking: Ranking, side: str) -> None:
    foreign = make_prompt(project).completions.all()[0]
    pairs = PreferencePair.objects.filter(ranking=ranking)
    refused(f"pair_{side}_of_its_prompt", lambda: pairs.filter(pk=pairs[0].pk).update(**{side: foreign}))


def test_a_pair_belongs_to_its_ranking_s_prompt(project: Project, ranking: Ranking) -> None:
    other = make_prompt(project)
    chosen, rejected = other.completions.all()[:2]
    pair = ranking.pairs.all()[0]
    elsewhere = copy_of(pair, prompt_id=other.pk, chosen_id=chosen.pk, rejected_id=rejected.pk)
    refused("pair_of_its_live_ranking", elsewhere)


def test_only_a_live_ranking_has_pairs(ranking: Ranking) -> None:
    pair = ranking.pairs.all()[0]
    rankings = Ranking.objects.filter(pk=ranking.pk)
    refused("pair_of_its_live_ranking", lambda: rankings.update(live=False))
    ranking.pairs.all().delete()
    rankings.update(live=False)
    refused("pair_of_its_live_ranking", copy_of(pair))


def test_a_pair_is_of_its_prompt_s_project_where_the_prompt_stays(ranking: Ranking) -> None:
    pairs, elsewhere = ranking.pairs.all(), make_project()
    refused("pair_of_its_prompts_project", lambda: pairs.update(project=elsewhere))
    refused("pair_of_its_prompts_project", lambda: pairs.update(project=2**40))
    pair = pairs[0]
    pairs.delete()
    refused("pair_of_its_prompts_project", copy_of(pair, project_id=elsewhere.pk))
    refused("prompt_project_never_changes", lambda: Prompt.objects.update(project=elsewhere))
    refused("ranking_project_never_changes", lambda: Ranking.objects.update(project=elsewhere))


def test_a_ranked_completion_belongs_to_its_ranking_s_prompt(project: Project, ranking: Ranking) -> None:
    foreign = make_prompt(project).completions.all()[0]
    ranked = RankedCompletion.objects.filter(ranking=ranking, rank=1)
    refused("ranked_completion_of_its_prompt", lambda: ranked.update(completion=foreign))
    refused("ranked_completion_of_its_ranking", lambda: ranked.update(completion=foreign, prompt=foreign.prompt_id))


def test_a_completion_is_ranked_once_and_from_one(ranking: Ranking) -> None:
    first, second = ranking.ranked.all()[:2]
    ranked = RankedCompletion.objects.filter(pk=second.pk)
    refused("ranked_completion_once", lambda: ranked.update(completion=first.completion_id))
    refused("ranked_completion_rank_positive", lambda: ranked.update(rank=0))


def test_an_assignment_has_one_live_ranking(ranking: Ranking) -> None:
    refused("ranking_one_live", copy_of(ranking, revision=2))
    refused("ranking_revision_once", copy_of(ranking, live=False))


def test_a_ranking_is_by_its_assignment_s_labeler_on_its_prompt(project: Project, ranking: Ranking) -> None:
    rankings, other = Ranking.objects.filter(pk=ranking.pk), join(project)
    refused("pair_of_its_live_ranking", lambda: ranking.pairs.all().update(labeler=other))
    refused("pair_of_its_live_ranking", lambda: rankings.update(labeler=other))
    ranking.pairs.all().delete()
    refused("ranking_of_its_assignment", lambda: rankings.update(labeler=other))


@pytest.mark.parametrize(
    ("model", "column", "constraint"),
    [
        (Ranking, "assignment", "ranking_of_its_assignment"),
        (Ranking, "prompt", "ranking_of_its_assignment"),
        (Ranking, "labeler", "ranking_of_its_assignment"),
        (RankedCompletion, "ranking", "ranked_completion_of_its_ranking"),
        (RankedCompletion, "completion", "ranked_completion_of_its_prompt"),
        (RankedCompletion, "prompt", "ranked_completion_of_its_prompt"),
        (PreferencePair, "ranking", "pair_of_its_live_ranking"),
        (PreferencePair, "prompt", "pair_chosen_of_its_prompt"),
        (PreferencePair, "chosen", "pair_chosen_of_its_prompt"),
        (PreferencePair, "rejected", "pair_rejected_of_its_prompt"),
    ],
)
def test_what_a_row_refers_to_exists(ranking: Ranking, model: type[Model], column: str, constraint: str) -> None:
    """Each by a key of several columns, whose other end has a key of its own."""
    if model is Ranking:
        PreferencePair.objects.all().delete()
        RankedCompletion.objects.all().delete()
    rows = model._default_manager.all()
    refused(constraint, lambda: rows.filter(pk=rows[0].pk).update(**{f"{column}_id": 2**40}))


def test_what_is_referred_to_stays(ranking: Ranking, project: Project, labeler: User) -> None:
    make_prompt(project)
    held = claimed(project, labeler)
    held.prompt.completions.all().delete()
    refused("assignment_overlap_of_prompt", lambda: Assignment.objects.filter(pk=held.pk).update(prompt=2**40))
    for table, key, constraint in (
        ("prompt", held.prompt_id, "assignment_overlap_of_prompt"),
        ("assignment", ranking.assignment_id, "ranking_of_its_assignment"),
        ("ranking", ranking.pk, "ranked_completion_of_its_ranking"),
        ("completion", ranking.ranked.all()[0].completion_id, "ranked_completion_of_its_prompt"),
    ):
        delete = partial(connection.cursor().execute, f"DELETE FROM labeling_{table} WHERE id = %s", [key])
        refused(constraint, delete)


def test_a_live_ranking_has_not_ended_and_a_strength_is_known(ranking: Ranking) -> None:
    rankings, pairs = Ranking.objects.filter(pk=ranking.pk), PreferencePair.objects.filter(ranking=ranking)
    refused("ranking_live_has_not_ended", lambda: rankings.update(ended_at=timezone.now()))
    refused("ranking_strength_known", lambda: rankings.update(strength=4))
    refused("pair_margin_known", lambda: pairs.update(margin=0))


def test_time_spent_is_not_negative(ranking: Ranking) -> None:
    rankings = Ranking.objects.filter(pk=ranking.pk)
    for seconds in (-1, 86_401, 1.7e308, float("inf"), float("nan")):
        refused("ranking_active_seconds_of_a_day", partial(rankings.update, active_seconds=seconds))


def test_a_labeler_holds_a_prompt_once(project: Project, labeler: User) -> None:
    Project.objects.filter(pk=project.pk).update(overlap=2)
    project.refresh_from_db()
    make_prompt(project)
    refused("assignment_one_live_per_labeler", copy_of(claimed(project, labeler), slot=2))


def test_a_prompt_is_never_in_more_hands_than_its_overlap(project: Project, labeler: User) -> None:
    make_prompt(project)
    assignment = claimed(project, labeler)
    other = join(project)
    refused("assignment_one_live_per_slot", copy_of(assignment, labeler_id=other.pk))
    refused("assignment_slot_within_overlap", copy_of(assignment, labeler_id=other.pk, slot=2))
    refused("assignment_overlap_of_prompt", copy_of(assignment, labeler_id=other.pk, slot=2, overlap=2))


def test_the_overlap_can_grow_but_not_shrink_under_a_live_assignment(project: Project, labeler: User) -> None:
    prompts = Prompt.objects.filter(pk=make_prompt(project).pk)
    assignment = claimed(project, labeler)
    prompts.update(overlap=2)
    assignment.refresh_from_db()
    assert assignment.overlap == 2
    Assignment.objects.filter(pk=assignment.pk).update(slot=2)
    refused("assignment_slot_within_overlap", lambda: prompts.update(overlap=1))


def test_states_splits_and_roles_are_known_words(project: Project, ranking: Ranking) -> None:
    refused("assignment_state_known", lambda: Assignment.objects.update(state="lost"))
    refused("prompt_split_known", lambda: Prompt.objects.create(project=project, messages=[], split="dev"))
    refused("membership_role_known", lambda: Membership.objects.update(role="king"))


def test_counts_of_people_and_minutes_are_positive(project: Project) -> None:
    projects = Project.objects.filter(pk=project.pk)
    refused("project_overlap_positive", lambda: projects.update(overlap=0))
    refused("project_lease_positive", lambda: projects.update(lease_minutes=0))
    make_prompt(project)
    refused("prompt_tags_at_most", lambda: Prompt.objects.update(tags=[str(n) for n in range(21)]))
    refused("prompt_overlap_positive", lambda: Prompt.objects.update(overlap=0))


def test_ids_are_unique_where_they_are_looked_up(project: Project, labeler: User) -> None:
    prompt = make_prompt(project, external_id="p1")
    refused("prompt_once_per_project", lambda: make_prompt(project, external_id="p1"))
    refused(
        "completion_once_per_prompt",
        lambda: Completion.objects.create(prompt=prompt, external_id="a", text="again", position=9),
    )
    refused(
        "completion_position_once",
        lambda: Completion.objects.create(prompt=prompt, external_id="z", text="again", position=0),
    )
    refused(
        "membership_once_per_project", lambda: Membership.objects.create(project=project, user=labeler, role="labeler")
    )


def test_a_prompt_keeps_its_text_and_split_for_ever(project: Project) -> None:
    prompt = make_prompt(project, split="train")
    prompts = Prompt.objects.filter(pk=prompt.pk)
    refused("prompt_split_never_changes", lambda: prompts.update(split="test"))
    refused("prompt_split_never_changes", lambda: prompts.update(content_sha256="0" * 64))
    refused("prompt_split_never_changes", lambda: prompts.update(prompt_key="0" * 64))
    prompts.update(prompt_key="0" * 64, revision=2)
    refused("prompt_split_never_changes", lambda: prompts.update(prompt_key=None, revision=1))
    PromptErasure.objects.create(prompt=prompt)
    refused("prompt_split_never_changes", lambda: prompts.update(split="test"))
    prompts.update(prompt_key=None, content_sha256="1" * 64)  # of an erased one: its checksums go
    before = {"number": 1, "messages": [], "texts": [], "rankings": 0, "last_ranking_id": 0}
    before |= {"replaced_at": timezone.now()}
    PromptRevision.objects.create(prompt=prompt, **before)
    refused("prompt_revision_once", lambda: PromptRevision.objects.create(prompt=prompt, **before))


def test_withdrawn_work_is_noted_once_and_takes_no_slot(project: Project, ranking: Ranking) -> None:
    tasks = Assignment.objects.filter(pk=ranking.assignment_id)
    refused("assignment_withdrawn_is_released", lambda: tasks.update(withdrawn_at=timezone.now()))
    WorkWithdrawal.objects.create(project=project, labeler=ranking.labeler)
    refused("work_withdrawal_once", lambda: WorkWithdrawal.objects.create(project=project, labeler=ranking.labeler))


def test_an_erased_person_stays_erased_and_ranks_nothing(project: Project, ranking: Ranking) -> None:
    erasure = PersonErasure.objects.create(person=ranking.labeler)
    refused("person_erasure_stays", erasure.delete)
    rows = PersonErasure.objects.filter(pk=erasure.pk)
    refused("person_erasure_state_known", lambda: rows.update(state="cancelled"))
    refused(
        "ranking_of_nobody_erased",
        lambda: Ranking.objects.create(
            assignment_id=ranking.assignment_id, prompt_id=ranking.prompt_id, labeler=ranking.labeler, revision=2,
            live=False, payload_sha256="0" * 64,
        ),
    )  # fmt: skip
    tasks = Assignment.objects.filter(pk=ranking.assignment_id)
    refused("task_of_nobody_erased", lambda: tasks.update(draft={"comment": "late"}))
    refused("task_of_nobody_erased", lambda: tasks.update(skip_reason="late"))
    case = ReviewCase.objects.create(project=project, prompt=ranking.prompt, reason=ReviewCase.Reason.ASKED)
    act = ReviewAct.Act.LEFT
    refused(
        "review_of_nobody_erased",
        lambda: ReviewAct.objects.create(case=case, act=act, by=ranking.labeler, words="late"),
    )
    tasks.update(draft=None, skip_reason="")  # as the erasure does


def test_an_act_on_many_prompts_is_a_known_one_with_a_number_of_its_own(project: Project) -> None:
    BulkAct.objects.create(project=project, number=1, act="tag", value="x")
    refused("bulk_act_number_once", lambda: BulkAct.objects.create(project=project, number=1, act="untag"))
    refused("bulk_act_known", lambda: BulkAct.objects.update(act="burn"))
    refused("bulk_act_state_known", lambda: BulkAct.objects.update(state="lost"))


def test_a_persons_views_of_a_list_have_names_of_their_own(project: Project) -> None:
    mine = {"project": project, "owner": project.created_by, "of": "prompts", "name": "Mine"}
    SavedView.objects.create(**mine)
    refused("saved_view_name_once", lambda: SavedView.objects.create(**mine))
    refused("saved_view_list_known", lambda: SavedView.objects.update(of="models"))


def test_a_dataset_version_never_changes(project: Project, ranking: Ranking) -> None:
    version = freeze(project)
    versions = DatasetVersion.objects.filter(pk=version.pk)
    refused("dataset_version_never_changes", lambda: versions.update(n_pairs=1))
    refused("dataset_version_never_changes", versions.delete)


def test_of_a_version_only_its_file_is_replaced_and_what_it_was_is_noted_first(
    project: Project, labeler: User, ranking: Ranking
) -> None:
    version = freeze(project)
    erasure = PersonErasure.objects.create(person=labeler)
    versions, name = DatasetVersion.objects.filter(pk=version.pk), "dataset_version_never_changes"
    after = {"sha256": "1" * 64, "bytes": 1, "frozen_sha256": version.sha256}
    refused(name, lambda: versions.update(**after))
    before = {"version": version, "erasure": erasure, "file": version.file, "bytes": 1}
    ReplacedFile.objects.create(**before, sha256="2" * 64)
    refused(name, lambda: versions.update(**after))
    earlier = ReplacedFile.objects.create(**before, sha256=version.sha256)
    refused(name, lambda: versions.update(**{**after, "frozen_sha256": "1" * 64}))
    refused(name, lambda: versions.update(**after, n_pairs=1))
    refused(name, versions.delete)
    versions.update(**after)
    refused(name, lambda: versions.update(frozen_sha256=None))
    refused("replaced_file_never_changes", lambda: ReplacedFile.objects.filter(pk=earlier.pk).update(bytes=2))


def test_a_deleted_project_stays_deleted_and_so_does_the_record(project: Project) -> None:
    deletion = request_deletion(project, by=None)
    refused("project_deletion_never_undone", lambda: Project.objects.update(deleted_at=None))
    refused("project_deletion_stays", deletion.delete)
    rows = ProjectDeletion.objects.filter(pk=deletion.pk)
    refused("project_deletion_state_known", lambda: rows.update(state="cancelled"))
    refused("project_deletion_ends_without_it", lambda: rows.update(state="succeeded"))
    refused("project_deletion_once", lambda: ProjectDeletion.objects.create(project_key=project.pk, slug="", name=""))


def test_a_version_number_is_given_once(project: Project, ranking: Ranking) -> None:
    version = freeze(project)
    fields = {f.attname: getattr(version, f.attname) for f in version._meta.concrete_fields if not f.primary_key}
    refused("dataset_version_number_once", lambda: DatasetVersion.objects.create(**fields))


def test_an_invitation_link_leads_to_one_invitation(project: Project, labeler: User) -> None:
    def make() -> None:
        Invitation.objects.create(project=project, token_sha256="x" * 64, created_by=labeler, expires_at=timezone.now())

    make()
    with pytest.raises(DatabaseError, match="token_sha256"), transaction.atomic():
        make()


def test_a_project_is_of_a_kind_that_we_know(project: Project) -> None:
    refused("project_kind_known", lambda: Project.objects.filter(pk=project.pk).update(kind="regression"))


def test_a_prompt_has_one_review_that_is_not_closed(project: Project) -> None:
    prompt = make_prompt(project)
    case = ReviewCase.objects.create(project=project, prompt=prompt, reason="asked")
    refused("review_one_case", lambda: ReviewCase.objects.create(project=project, prompt=prompt, reason="sampled"))
    rows = ReviewCase.objects.filter(pk=case.pk)
    refused("review_reason_known", lambda: rows.update(reason="model"))
    rows.update(state="closed", outcome="left", closed_at=timezone.now())
    ReviewCase.objects.create(project=project, prompt=prompt, reason="sampled")
    refused("review_one_case", lambda: rows.update(state="open", outcome="", closed_at=None))


def test_a_task_is_drawn_for_a_review_once(project: Project, labeler: User) -> None:
    first, second = make_prompt(project), make_prompt(project)
    task = claimed(project, labeler)
    ReviewCase.objects.create(project=project, prompt=first, reason="sampled", drawn=task)
    again = {"project": project, "prompt": second, "reason": "sampled", "drawn": task}
    refused("review_drawn_once", lambda: ReviewCase.objects.create(**again))


def test_a_review_is_closed_with_an_outcome_and_sent_back_to_someone(project: Project, labeler: User) -> None:
    make_prompt(project)
    task = claimed(project, labeler)
    case = ReviewCase.objects.create(project=project, prompt=task.prompt, reason="asked")
    rows, now = ReviewCase.objects.filter(pk=case.pk), timezone.now()
    for change in (
        {"state": "closed", "closed_at": now}, {"state": "closed", "outcome": "left"}, {"outcome": "left"},
        {"closed_at": now}, {"state": "lost"},
    ):  # fmt: skip
        refused("review_closed_with_outcome", lambda change=change: rows.update(**change))
    for change in (
        {"state": "sent_back"}, {"state": "sent_back", "awaits": labeler}, {"state": "sent_back", "sent_back": task},
        {"awaits": labeler}, {"sent_back": task},
        {"state": "closed", "outcome": "left", "closed_at": now, "awaits": labeler},
    ):  # fmt: skip
        refused("review_sent_back_to_someone", lambda change=change: rows.update(**change))
    rows.update(state="sent_back", sent_back=task, awaits=labeler)


def test_what_is_done_about_a_review_is_known_and_goes_with_it(project: Project, labeler: User) -> None:
    case = ReviewCase.objects.create(project=project, prompt=make_prompt(project), reason="asked")
    act = ReviewAct.objects.create(case=case, act="left", by=labeler)
    refused("review_act_known", lambda: ReviewAct.objects.filter(pk=act.pk).update(act="lost"))
    refused("review_act_of_its_case", lambda: ReviewAct.objects.create(case_id=case.pk + 1, act="left"))
    nowhere = {"project": project, "prompt_id": case.prompt_id + 1, "reason": "asked"}
    refused("review_case_of_its_prompt", lambda: ReviewCase.objects.create(**nowhere))
    elsewhere = {"project_id": project.pk + 1, "prompt": make_prompt(project), "reason": "asked"}
    refused("review_case_of_its_project", lambda: ReviewCase.objects.create(**elsewhere))
    case.prompt.completions.all().delete()
    Prompt.objects.filter(pk=case.prompt_id)._raw_delete("default")  # the database, not Django, deletes what follows
    assert not ReviewCase.objects.filter(pk=case.pk).exists()
    assert not ReviewAct.objects.exists()


def test_reviewers_look_at_no_more_than_all(project: Project) -> None:
    refused("project_review_percent_of_all", lambda: Project.objects.update(review_percent=101))


@pytest.mark.parametrize("percent", [1, 50, 100])
def test_who_is_sure_of_the_contrary_is_surer_than_of_the_rest(project: Project, percent: int) -> None:
    name = "project_champion_percent_of_the_contrary"
    refused(name, lambda: Project.objects.update(champion_percent=percent))


def test_a_classification_asks_something(project: Project) -> None:
    projects = Project.objects.filter(pk=project.pk)
    refused("project_classification_asks_something", lambda: projects.update(kind="classification"))


def test_what_is_fetched_was_not_looked_into_read_or_taken_back(project: Project) -> None:
    job = Import.objects.create(project=project, number=1, size=0, hub="a/b", state_when_fetched="draft")
    imports = Import.objects.filter(pk=job.pk)
    refused("import_state_when_fetched_known", lambda: imports.update(state_when_fetched="succeeded"))
    changes: tuple[dict[str, object], ...] = ({"state": "draft"}, {"state": "succeeded"}, {"place": 1}, {"hub": ""})
    for change in (*changes, {"is_undo": True}):
        refused("import_fetched_before_it_is_read", lambda change=change: imports.update(**change))
