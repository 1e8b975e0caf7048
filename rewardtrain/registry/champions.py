"""Which model a project uses: registration, promotion and roll-back."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from formats.evaluation_report.report import Report, has_pairs
from labeling.errors import Conflict, Invalid
from labeling.models import Project, User
from labeling.models.project_lock import lock_project
from rewardtrain.evidence import evidence_of
from rewardtrain.models import Evaluation, Promotion, RewardModel, TrainingRun
from rewardtrain.models.reward_models import Decision
from rewardtrain.registry.gate import gate
from rewardtrain.registry.verdict import Verdict, verdict

MAX_REASON = 1000


@dataclass(frozen=True)
class Rule:
    """A rule of the gate as it was applied to a model. passed: None where only the words were kept."""

    passed: bool | None
    words: str


def rules(model: RewardModel, report: Report) -> list[Rule]:
    """Lists what the gate said, rule by rule, in the reader's language.

    It was written down in English; where the gate of today decides the same of the report, it says it again.
    """
    recorded: list[str] = model.gate["reasons"]
    today = gate(report, evidence_of(model.project))
    added = [Rule(False, words) for words in recorded[len(today.checks) :]]  # what register added
    if len(recorded) >= len(today.checks) and model.gate["passed"] == (today.passed and not added):
        return [Rule(check.passed, check.words) for check in today.checks] + added
    return [Rule(True if model.gate["passed"] else None, words) for words in recorded]


def worth(model: RewardModel, report: Report) -> Verdict:
    """Says what the model is worth, in the reader's language."""
    return verdict(report, evidence_of(model.project), passed=model.gate["passed"])


def why(promotion: Promotion) -> str:
    """Gives a person's reason as it was written, the gate's in the reader's language."""
    if promotion.action != Promotion.Action.GATE:
        return promotion.reason
    [evaluation] = promotion.reward_model.evaluations.all()
    return " ".join(rule.words for rule in rules(promotion.reward_model, evaluation.report))


# --- Models -----------------------------------------------------------------------------------------------------------


def champion(project: Project) -> RewardModel | None:
    return RewardModel.objects.filter(project=project, champion=True).select_related("run").first()


def needed_champion(project: Project) -> RewardModel:
    """Finds the champion, for work that nobody else can do. Raises Conflict('no_champion')."""
    present = champion(project)
    if present is None:
        raise Conflict("no_champion", _("The project has no champion yet: train a model, or promote one by hand."))
    return present


@dataclass(frozen=True)
class Baselines:
    """Whom a new model is compared with on the same test pairs."""

    champion: RewardModel | None
    head: RewardModel | None  # the newest, for a fine-tuning, where the champion is none


def baselines(run: TrainingRun) -> Baselines:
    present = champion(run.project)
    full, head = TrainingRun.Depth.FULL, TrainingRun.Depth.HEAD
    if run.depth != full or (present and present.run.depth == head):
        return Baselines(present, None)
    heads = RewardModel.objects.filter(project=run.project, run__depth=head)
    return Baselines(present, heads.order_by("-version").first())


def register(
    run: TrainingRun, *, folder: str, manifest_sha256: str, report: Report, baseline_pk: int | None
) -> RewardModel:
    """Writes down a finished run's model with its evaluation and promotes it if the gate lets it through.

    `baseline_pk` is the champion that the report compares with. Call it in the transaction that finishes the run.
    """
    project = lock_project(run.project)
    evidence = evidence_of(project)
    judged = gate(report, evidence)
    present = champion(project)
    if doubt := evidence.doubt(report, present):
        judged = judged.but(doubt)
    if (present.pk if present else None) != baseline_pk:
        # Someone changed the champion by hand in the seconds since the comparison. They are there, so they can decide.
        judged = judged.but(f"The champion changed meanwhile, to {present or 'none'}.")
    last = RewardModel.objects.filter(project=project).aggregate(last=Max("version"))["last"] or 0
    model = RewardModel.objects.create(
        project=project,
        version=last + 1,
        run=run,
        folder=folder,
        manifest_sha256=manifest_sha256,
        gate=Decision(passed=judged.passed, reasons=judged.reasons),
    )
    Evaluation.objects.create(
        reward_model=model,
        dataset_version=run.dataset_version,
        split="test",
        n_pairs=report["n_pairs"],
        **_pair_figures(report),
        report=report,
    )
    return model


def _pair_figures(report: Report) -> dict[str, float]:
    """Gives the figures of pairs; none of what was trained and tested on flags alone."""
    if not has_pairs(report):
        return {}
    accuracy = report["accuracy"]
    return {
        "accuracy": accuracy["value"],
        "accuracy_low": accuracy["low"],
        "accuracy_high": accuracy["high"],
        "log_loss": report["log_loss"]["value"],
    }


def promote_if_passed(model: RewardModel, *, auto_promote: bool) -> None:
    """Does what the policy does with a model that has just been registered."""
    if model.gate["passed"] and auto_promote:
        set_champion(model, action=Promotion.Action.GATE, by=None, reason=" ".join(model.gate["reasons"]))


def promote(model: RewardModel, *, by: User | None, reason: str, past_gate: bool = False) -> RewardModel:
    """Makes any model the champion by hand; one that its gate did not let through only with `past_gate`.

    Raises Invalid('reason_required'), Conflict('already_champion'), Conflict('gate_not_passed').
    """
    reason = needed(reason)
    if not (past_gate or model.gate["passed"] or model.champion):
        message = _("Version %(version)s did not pass its gate. Promote it past the gate only if you mean to.")
        raise Conflict("gate_not_passed", message % {"version": model.version})
    return set_champion(model, action=Promotion.Action.HAND, by=by, reason=reason)


def rollback(project: Project, *, by: User | None, reason: str) -> RewardModel:
    """Goes back to the model that was champion before the present one. Raises Invalid, Conflict('nothing_before')."""
    reason = needed(reason)
    with transaction.atomic():
        lock_project(project)
        before = previous_champion(project)
        if before is None:
            raise Conflict(
                "nothing_before", _("No model was champion before this one: there is nothing to go back to.")
            )
        return set_champion(before, action=Promotion.Action.ROLLBACK, by=by, reason=reason)


def previous_champion(project: Project) -> RewardModel | None:
    """Finds whom the present champion replaced when it first became champion; a roll-back is followed further back.

    Promotions are a history; going back pops it: 1, 2, 3, back to 2, back again is to 1 and not to 3.
    """
    stack: list[RewardModel] = []
    history = Promotion.objects.filter(project=project).select_related("reward_model").order_by("pk")
    for promotion in history:
        if promotion.action == Promotion.Action.ROLLBACK and len(stack) > 1:
            stack.pop()
        else:
            stack.append(promotion.reward_model)
    return stack[-2] if len(stack) > 1 else None


def waiting_for_promotion(project: Project) -> RewardModel | None:
    """Finds the newest model, if it passed the gate and nobody has decided yet."""
    newest = RewardModel.objects.filter(project=project).order_by("-version").first()
    undecided = newest is not None and newest.gate["passed"] and not newest.promotions.exists()
    return newest if undecided else None


def past_gate(champion: RewardModel | None) -> Promotion | None:
    """Says how the champion came into use though its gate did not let it through; None of one that passed."""
    if champion is None or champion.gate["passed"]:
        return None
    return champion.promotions.select_related("by").first()


def set_champion(model: RewardModel, *, action: str, by: User | None, reason: str) -> RewardModel:
    with transaction.atomic():
        project = lock_project(model.project)
        replaced = champion(project)
        if replaced == model:
            raise Conflict(
                "already_champion", _("Version %(version)s is the champion already.") % {"version": model.version}
            )
        RewardModel.objects.filter(project=project, champion=True).update(champion=False)
        RewardModel.objects.filter(pk=model.pk).update(champion=True)
        Promotion.objects.create(
            project=project, reward_model=model, replaced=replaced, action=action, by=by, reason=reason
        )
    model.champion = True
    return model


def needed(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid("reason_required", _("Write why, so that others can follow it later."), attr="reason")
    if len(reason) > MAX_REASON:
        message = _("A reason has at most %(limit)d characters; this has %(length)d.")
        raise Invalid("reason_too_long", message % {"limit": MAX_REASON, "length": len(reason)}, attr="reason")
    return reason
