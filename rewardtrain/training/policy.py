"""When a project retrains by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Import, Project, imports
from labeling.models.project_lock import lock_project
from rewardtrain.evidence import Evidence, evidence_of
from rewardtrain.models import RetrainPolicy, TrainingRun
from rewardtrain.training.executors import offered
from rewardtrain.training.run_settings import checked, standing

ACTIVE = (TrainingRun.State.QUEUED, TrainingRun.State.RUNNING)
Depth = TrainingRun.Depth
DEPTHS = (Depth.HEAD, Depth.FULL)  # of runs that a policy starts


@dataclass(frozen=True)
class Rule:
    """When runs of one depth start by themselves."""

    enabled: bool
    every_pairs: int
    first_minimum: int
    cooldown_minutes: int


@dataclass(frozen=True)
class NextRetraining:
    """What stands between now and the next run of one depth that the policy starts."""

    depth: Depth
    enabled: bool
    evidence: Evidence  # what is counted: here and in every rule of the policy pairs may be labels
    new_pairs: int  # since the version that the last run of this depth used
    needed: int  # new pairs that start a run
    lacking: str  # why no run could be made whatever the number of new pairs, in words; "" if one could
    cooling_until: datetime | None
    active_run: TrainingRun | None
    importing: Import | None  # on whose rows it waits, until a minute after its end

    @property
    def missing(self) -> int:
        return max(0, self.needed - self.new_pairs)

    @property
    def due(self) -> bool:
        waiting = self.missing or self.lacking or self.cooling_until or self.active_run or self.importing
        return self.enabled and not waiting


def next_retrainings(project: Project) -> list[NextRetraining]:
    """Says it for each depth that learns, heads first."""
    policy, importing = get_policy(project), import_of(project)
    return [_next(project, policy, depth, importing) for depth in DEPTHS]


def import_of(project: Project) -> Import | None:
    """Gives an import that is at work or was less than a minute ago: half of its rows would be trained on. One that
    is fetched brings none yet."""
    recently = Q(state__in=Import.ACTIVE) | Q(finished_at__gt=timezone.now() - imports.QUIET)
    return project.imports.filter(recently, state_when_fetched="").defer("errors").first()


def _next(project: Project, policy: RetrainPolicy, depth: Depth, importing: Import | None) -> NextRetraining:
    rule, last = rule_of(policy, depth), last_run(project, depth)
    return NextRetraining(
        depth=depth,
        enabled=rule.enabled,
        evidence=evidence_of(project),
        new_pairs=new_pairs(project, policy, last),
        needed=rule.every_pairs if last else rule.first_minimum,
        lacking=obstacle(project, policy, depth),
        cooling_until=cooling_until(rule, last, timezone.now()),
        active_run=last if last and last.state in ACTIVE else None,
        importing=importing,
    )


def rule_of(policy: RetrainPolicy, depth: Depth) -> Rule:
    """A head is fitted in about a second, so it needs no rest after a run and no larger first one."""
    if depth == Depth.HEAD:
        return Rule(policy.head_enabled, policy.head_every_pairs, policy.head_every_pairs, 0)
    return Rule(policy.enabled, policy.every_pairs, policy.first_minimum, policy.cooldown_minutes)


def get_policy(project: Project) -> RetrainPolicy:
    """Gives the project's policy, or the defaults where nobody has changed them yet (then it has no row)."""
    return RetrainPolicy.objects.filter(project=project).first() or RetrainPolicy(project=project)


def update_policy(project: Project, **changes: object) -> RetrainPolicy:
    """Raises Invalid, naming the field, for a value that can't be."""
    training = changes.get("training")
    if training is not None:
        if not isinstance(training, dict):
            raise Invalid(
                "invalid",
                _("training is %(value)r; it must be an object of settings") % {"value": training},
                attr="training",
            )
        for depth in DEPTHS:
            checked(project, standing(training, depth), depth)
    with transaction.atomic():
        lock_project(project)
        policy = get_policy(project)
        for name, value in changes.items():
            setattr(policy, name, value)
        if offered.FIELDS & changes.keys():
            offered.check(policy, offered.chosen(policy))
        try:
            policy.full_clean()
        except ValidationError as error:
            name, messages = next(iter(error.message_dict.items()))
            known = name if name in changes else None
            raise Invalid("invalid", f"{name} is {changes.get(name)!r}: {' '.join(messages)}", attr=known) from error
        policy.save()
    return policy


# --- Counting ---------------------------------------------------------------------------------------------------------


def last_run(project: Project, depth: Depth) -> TrainingRun | None:
    runs = TrainingRun.objects.filter(project=project, depth=depth)
    return runs.select_related("dataset_version").order_by("-number").first()


def new_pairs(project: Project, policy: RetrainPolicy, last: TrainingRun | None) -> int:
    """Counts pairs, or labels, of rankings that are younger than the version the last run used. Only live rankings
    count.

    Not "pairs now minus the version's pairs": withdrawing 100 old rankings while 100 new ones arrive would leave that
    difference at zero for ever, though half the data is new. An amended ranking is a new row and counts; a withdrawn
    one no longer counts. Rankings that were being committed while the version was frozen may have a smaller id than its
    last one and aren't counted as new, but the next version holds them.

    Every run counts as having used its version, failed and cancelled ones too: a run that can't succeed is not tried
    again and again on the same pairs; a person looks at its error and retrains by hand.
    """
    return evidence_of(project).new(project, policy.training, last.dataset_version.last_ranking_id if last else 0)


def obstacle(project: Project, policy: RetrainPolicy, depth: Depth) -> str:
    """Says why the policy can't start a run, in words, or "": a setting that no longer works, or what the pairs
    lack."""
    try:
        config = checked(project, standing(policy.training, depth), depth)
        offered.of_run(policy, depth, processes=config.processes)
        return evidence_of(project).lacking(project, config)
    except Invalid as error:
        return error.detail


def cooling_until(rule: Rule, last: TrainingRun | None, now: datetime) -> datetime | None:
    """Tells when the quiet time after the last run ends; None if it has."""
    if last is None or last.finished_at is None:
        return None
    until = last.finished_at + timedelta(minutes=rule.cooldown_minutes)
    return until if until > now else None
