"""Reward models: what each is worth, and which one is used."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from formats import zips
from formats.evaluation_report.report import PairReport, has_pairs
from labeling.data.versions.holding import names_replaced, withdrawn_since
from labeling.errors import PodiumError
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, page_of, project_page
from rewardtrain import charts
from rewardtrain.charts.numbers import figures
from rewardtrain.models import RewardModel, listed_evaluations
from rewardtrain.registry import champions, model_download
from rewardtrain.scoring import services

RUNS_OF_A_VERSION = 20


@require_safe
@project_page(Role.MANAGER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    rows = project.reward_models.select_related("run__dataset_version").prefetch_related(listed_evaluations())
    promotions = project.promotions.select_related("reward_model", "replaced", "by")
    champion = champions.champion(project)
    context = {
        "project": project,
        "page": page_of(request, rows),
        "champion": champion,
        "previous": champions.previous_champion(project),
        "past_gate": champions.past_gate(champion),
        "promotions": [
            (promotion, champions.why(promotion))
            for promotion in promotions.prefetch_related(listed_evaluations("reward_model__"))[:20]
        ],
        "learning": charts.learning(project),
    }
    return render(request, "rewardtrain/registry/models.html", context)


@require_safe
@project_page(Role.MANAGER)
def scoring(request: SignedIn, project: Project) -> HttpResponse:
    """Part of the page above: it waits for the services, which may be away."""
    return render(request, "rewardtrain/scoring/services/_services.html", {"told": services.told(project)})


@require_safe
@project_page(Role.MANAGER)
def detail(request: SignedIn, project: Project, version: int) -> HttpResponse:
    model = get_object_or_404(project.reward_models.select_related("run__dataset_version", "project"), version=version)
    evaluation = model.evaluations.get()
    seen = evaluation.report
    context = {
        "project": project,
        "model": model,
        "evaluation": evaluation,
        "report": seen,
        "rules": champions.rules(model, seen),
        "attributes": charts.attributes(seen),
        "flags": seen["flags"],
        "flag_reliability": charts.flag_reliability(seen["flags"]) if seen["flags"] else None,
        "past_gate": champions.past_gate(model) if model.champion else None,
        "promotions": model.promotions.select_related("by"),
        **_gone(model),
        **_leaving(request, model),
    }
    return render(request, "rewardtrain/registry/model.html", context | (of_pairs(seen) if has_pairs(seen) else {}))


def _gone(model: RewardModel) -> dict[str, object]:
    """Finds people whose rankings are among what the model learnt from, and who were erased or withdrawn since."""
    version = model.run.dataset_version
    replaced, withdrawn = names_replaced(version), withdrawn_since(version)
    began = model.run.started_at
    return {
        "version": version,
        "replaced": replaced,
        "renamed_since": bool(replaced and began and replaced.at > began),
        "n_withdrawn": len(withdrawn),
        "n_withdrawn_rankings": sum(n or 0 for _, n in withdrawn),
    }


def _leaving(request: SignedIn, model: RewardModel) -> dict[str, object]:
    """Gives how the model can be downloaded, or why it can't."""
    try:
        download = model_download.download_of(model)
    except PodiumError as error:
        return {"download_refused": error.detail}
    address = reverse("rewardtrain_api:model_download", args=[model.project.slug, model.version])
    return {
        "download": download,
        "download_address": request.build_absolute_uri(address),
        "sums": model_download.SUMS,
    }


def of_pairs(seen: PairReport) -> dict[str, object]:
    """Gives what a report says of pairs; one of single texts with flags has none."""
    return {
        "comparison": charts.comparison(seen),
        "reliability": charts.reliability(seen),
        "rewards": charts.rewards(seen),
        "verdicts": charts.verdicts(seen),
        "by_gap": charts.by_gap(seen),
        "by_length": charts.by_length_difference(seen),
        "by_labeler": charts.by_labeler(seen),
        "figures": figures(seen),
    }


@require_safe
@project_page(Role.MANAGER)
def of_version(request: SignedIn, project: Project, number: int) -> HttpResponse:
    """Shows the runs that read a frozen version, with their models: a part of the version's page."""
    version = get_object_or_404(project.dataset_versions.all(), number=number)
    runs = version.runs.select_related("reward_model__project", "dataset_version", "requested_by", "project")
    context = {
        "project": project,
        "version": version,
        "runs": runs.prefetch_related(listed_evaluations("reward_model__"))[:RUNS_OF_A_VERSION],
        "n_runs": version.runs.count(),
    }
    return render(request, "rewardtrain/training/_of_version.html", context)


@require_safe
@project_page(Role.MANAGER)
def report(request: SignedIn, project: Project, version: int) -> HttpResponse:
    """Gives the evaluation as the training process wrote it, to keep or to compare."""
    model = get_object_or_404(project.reward_models.all(), version=version)
    answer = JsonResponse(model.evaluations.get().report, json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="{project.slug}-model-{version}-report.json"'
    return answer


@require_safe
@project_page(Role.MANAGER)
def download(request: SignedIn, project: Project, version: int) -> HttpResponseBase:
    """Gives the model's folder as a zip."""
    model = get_object_or_404(project.reward_models.select_related("project"), version=version)
    try:
        leaving = model_download.download_of(model)
    except PodiumError as error:
        messages.error(request, error.detail)
        return redirect("model", project.slug, version)
    response = StreamingHttpResponse(leaving.stream(), content_type=zips.CONTENT_TYPE)
    response["Content-Length"] = str(leaving.length)
    response["Content-Disposition"] = f'attachment; filename="{leaving.filename}"'
    return response


@require_POST
@project_page(Role.MANAGER)
def promote(request: SignedIn, project: Project, version: int) -> HttpResponse:
    """A model that its gate did not let through is asked about once more, with what was written as the reason."""
    model = get_object_or_404(project.reward_models.all(), version=version)
    reason, past_gate = request.POST.get("reason", ""), request.POST.get("past_gate") == "yes"
    try:
        champions.promote(model, by=request.user, reason=reason, past_gate=past_gate)
    except PodiumError as error:
        if error.code == "gate_not_passed":
            return _ask_once_more(request, project, model, reason)
        messages.error(request, error.detail)
    else:
        messages.success(request, _("Version %(version)s is the champion now.") % {"version": version})
    return redirect("model", project.slug, version)


def _ask_once_more(request: SignedIn, project: Project, model: RewardModel, reason: str) -> HttpResponse:
    context = {
        "project": project,
        "model": model,
        "rules": champions.rules(model, model.evaluations.get().report),
        "reason": reason,
    }
    return render(request, "rewardtrain/registry/promote_past_gate.html", context, status=422)


@require_POST
@project_page(Role.MANAGER)
def roll_back(request: SignedIn, project: Project) -> HttpResponse:
    try:
        model = champions.rollback(project, by=request.user, reason=request.POST.get("reason", ""))
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, _("Version %(version)s is the champion again.") % {"version": model.version})
    return redirect("models", project.slug)
