"""The page on which a manager picks the threshold of a model that classifies."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from labeling.errors import PodiumError
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, project_page
from rewardtrain.charts.threshold_curves import curves
from rewardtrain.models import RewardModel
from rewardtrain.registry import thresholds

MIDDLE = 0.5


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def threshold(request: SignedIn, project: Project, version: int) -> HttpResponse:
    """GET looks at the threshold of the address, POST uses the one that is sent."""
    rows = project.reward_models.select_related("threshold_by", "run__dataset_version")
    model = get_object_or_404(rows, version=version)
    if request.method != "POST":
        return _show(request, project, model)
    try:
        thresholds.choose(model, request.POST.get("threshold", ""), by=request.user)
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, _("Version %(version)s uses this threshold now.") % {"version": version})
    return redirect("threshold", project.slug, version)


def _show(request: SignedIn, project: Project, model: RewardModel) -> HttpResponse:
    context: dict[str, object] = {"project": project, "model": model}
    try:
        flags = thresholds.flags_of(model)
    except PodiumError as error:
        return render(request, "rewardtrain/registry/threshold/threshold_none.html", context | {"reason": error.detail})
    asked, wrong = request.GET.get("threshold", model.threshold or MIDDLE), ""
    try:
        threshold = thresholds.parse(asked)
    except PodiumError as error:
        threshold, wrong = model.threshold or MIDDLE, error.detail
    outcome = thresholds.outcome_at(flags, threshold)
    positive = next(label["label"] for label in reversed(flags["classes"]))
    context |= {
        "flags": flags,
        "positive": positive,
        "negative": flags["classes"][0]["label"],
        "threshold": threshold,
        "wrong": wrong,
        "outcome": outcome,
        "presets": thresholds.presets(flags),
        "curves": curves(thresholds.outcomes(flags), outcome),
    }
    return render(request, "rewardtrain/registry/threshold/threshold.html", context, status=422 if wrong else 200)
