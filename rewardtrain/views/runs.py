"""Training runs: the list, one run while it works, and the buttons that start and cancel."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from labeling.errors import PodiumError
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, page_of, project_page
from rewardtrain import tasks
from rewardtrain.charts import loss_curve
from rewardtrain.forms import MeasuringForm, PolicyForm
from rewardtrain.models import TrainingRun, listed_evaluations
from rewardtrain.training import policy, runs
from rewardtrain.training.executors import offered
from rewardtrain.training.presets import memory, offers, reckoning
from rewardtrain.training.presets.known import Preset
from rewardtrain.training.run_settings import training_config

# What the training process is at, in its words and in the reader's.
PHASES = {
    "starting": _("Starting"),
    "waiting": _("Waits in the cluster's queue"),
    "loading": _("Loading"),
    "tokenizing": _("Tokenizing"),
    "encoding": _("Encoding completions"),
    "training": _("Training"),
    "evaluating": _("Evaluating"),
    "saving": _("Saving"),
}
SHOWS = {
    None: _("All"),
    policy.Depth.HEAD: _("Heads"),
    policy.Depth.FULL: _("Fine-tunings"),
    policy.Depth.NONE: _("Measurements"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    """POST is 'Retrain the head now', 'Fine-tune now' and 'Measure it'."""
    if request.method != "POST":
        preset = offers.chosen(request.GET.get("preset", ""))
        form = PolicyForm(policy.get_policy(project), chosen=offers.settings_of(preset) if preset else {})
        return page(request, project, form, chosen=preset)
    depth = depth_of(request.POST) if "depth" in request.POST else policy.Depth.FULL
    if depth is None:
        return HttpResponseBadRequest(f"depth is one of {', '.join(policy.Depth.values)}".encode())
    measuring = MeasuringForm(policy.get_policy(project), request.POST) if depth == policy.Depth.NONE else None
    if measuring and not measuring.is_valid():
        return page(request, project, PolicyForm(policy.get_policy(project)), measuring=measuring)
    try:
        training = measuring.training() if measuring else None
        run = runs.request_run(project, by=request.user, depth=depth, training=training)
    except PodiumError as error:
        messages.error(request, error.detail)
        return redirect("runs", project.slug)
    tasks.sweep_soon()
    return redirect("run", project.slug, run.number)


def depth_of(values: QueryDict) -> policy.Depth | None:
    depth = values.get("depth", "")
    return policy.Depth(depth) if depth in policy.Depth.values else None


def page(
    request: SignedIn,
    project: Project,
    form: PolicyForm,
    *,
    chosen: Preset | None = None,
    measuring: MeasuringForm | None = None,
) -> HttpResponse:
    rows = project.runs.select_related("reward_model__project", "dataset_version", "requested_by").prefetch_related(
        listed_evaluations("reward_model__")
    )
    shown = depth_of(request.GET)
    retrainings = policy.next_retrainings(project)
    context = {
        "project": project,
        "page": page_of(request, rows.filter(depth=shown) if shown else rows),
        "shown": shown,
        "shows": SHOWS,
        "retrainings": retrainings,
        "lacking": next((each.lacking for each in retrainings if each.lacking), ""),
        "form": form,
        "chosen": chosen,
        "measuring": measuring or MeasuringForm(policy.get_policy(project)),
        "offers": offers.offers(project),
        "trained_on": offers.trained_on(project),
        "n_prompts": reckoning.PROMPTS,
        "plan": memory.plan(project, form.training, offered.chosen(form.policy)) if not form.is_bound else None,
    }
    return render(request, "rewardtrain/training/runs.html", context)


@require_safe
@project_page(Role.MANAGER)
def detail(request: SignedIn, project: Project, number: int) -> HttpResponse:
    """Shows the page; and while the run works, the part of it that is asked for every two seconds."""
    rows = project.runs.select_related("reward_model__project", "dataset_version", "requested_by").prefetch_related(
        listed_evaluations("reward_model__")
    )
    run = get_object_or_404(rows, number=number)
    active = run.state in policy.ACTIVE
    polled = bool(getattr(request, "htmx", False))
    if polled and not active:
        return HttpResponseClientRefresh()  # the rest of the page has changed too
    points = runs.curve(run)
    context = {
        "project": project,
        "run": run,
        "active": active,
        "phase": PHASES.get(run.phase or "starting", run.phase.capitalize()),
        "points": points,
        "curved": run.depth == policy.Depth.FULL and (points or active),  # a head is fitted in one step
        "curve": loss_curve(points),
        "settings": changed_settings(run),
        "cluster": offered.title(run.executor) if run.executor != run.LOCAL else "",
    }
    return render(
        request, "rewardtrain/training/_run_progress.html" if polled else "rewardtrain/training/run.html", context
    )


def changed_settings(run: TrainingRun) -> dict[str, tuple[object, object]]:
    """Gives the run's settings with their defaults: {name: (value, default)}."""
    defaults = training_config({"depth": run.depth}).to_dict()
    return {name: (value, defaults.get(name)) for name, value in run.training.items()}


@require_POST
@project_page(Role.MANAGER)
def cancel(request: SignedIn, project: Project, number: int) -> HttpResponse:
    run = get_object_or_404(project.runs.all(), number=number)
    try:
        runs.cancel(run)
    except PodiumError as error:
        messages.error(request, error.detail)
    return redirect("run", project.slug, run.number)
