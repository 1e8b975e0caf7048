"""A model in a page's words: what it learns from, what it is worth, and the champion's badge in the colour of that."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from labeling.models import Project
from labeling.templatetags.podium import ago, sentence
from rewardtrain.evidence import Evidence, evidence_of
from rewardtrain.models import Promotion, RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.verdict import Verdict

register = template.Library()


@register.simple_tag
def verdict_of(model: RewardModel) -> Verdict:
    """Says what a model is worth. Prefetch evaluations where many are shown."""
    [evaluation] = model.evaluations.all()
    return champions.worth(model, evaluation.report)


@register.simple_tag(name="evidence_of")
def evidence_tag(project: Project) -> Evidence:
    """Gives, by `{% evidence_of project as evidence %}`, what its models learn from, with the words for it."""
    return evidence_of(project)


@register.filter
def n_evidence(run: TrainingRun) -> int:
    """Counts how many pairs, or labels, the version holds that a run learns from."""
    return evidence_of(run.project).n_of(run.dataset_version)


@register.simple_tag
def verdict_badge(model: RewardModel) -> SafeString:
    verdict = verdict_of(model)
    return format_html('<span class="badge badge--words" data-state="{}">{}</span>', verdict.state, verdict.words)


@register.simple_tag
def champion_badge(model: RewardModel) -> SafeString | str:
    """Shows amber for a champion that its gate did not let through, or that is worth no more than what needs no
    model."""
    if not model.champion:
        return ""
    return format_html('<span class="badge" data-state="{}">{}</span>', verdict_of(model).state, _("champion"))


@register.simple_tag
def promoted_by(promotion: Promotion) -> str:
    """Says who brought a model past its gate, as the beginning of a sentence that ends with the reason."""
    back = promotion.action == Promotion.Action.ROLLBACK
    if promotion.by is None:
        return _("A command rolled back to it") if back else _("A command promoted it")
    message = _("%(name)s rolled back to it") if back else _("%(name)s promoted it")
    return message % {"name": promotion.by.username}


@register.simple_tag
def promotion_in_words(promotion: Promotion) -> SafeString:
    """Says when a model became champion, how, by whom, and a person's reason as it was written."""
    when = sentence(_("Became champion %(ago)s") % {"ago": ago(promotion.created_at)})
    how = promotion.get_action_display()
    if promotion.by is not None:
        how += ", " + _("by %(name)s") % {"name": promotion.by.username}
    if promotion.action == Promotion.Action.GATE:
        return format_html("{} {}.", when, how)
    return format_html("{} {}: {}", when, how, promotion.reason)
