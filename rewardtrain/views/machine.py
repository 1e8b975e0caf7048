"""What a project's overview says about its reward model."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.models import Project, Role
from labeling.views.doors import SignedIn, project_page
from rewardtrain.charts import versions
from rewardtrain.charts.drift_curve import drawing
from rewardtrain.models import listed_evaluations
from rewardtrain.monitoring import drift
from rewardtrain.registry import champions
from rewardtrain.training import policy


@require_safe
@project_page(Role.MANAGER)
def overview(request: SignedIn, project: Project) -> HttpResponse:
    champion = champions.champion(project)
    context = {
        "project": project,
        "retrainings": policy.next_retrainings(project),
        "champion": champion,
        "evaluation": champion.evaluations.first() if champion else None,
        "drift": drawing(measured) if (measured := drift.drift(project)) else None,
        "past_gate": champions.past_gate(champion),
        "waiting": champions.waiting_for_promotion(project),
        "versions": versions(project.reward_models.prefetch_related(listed_evaluations())[:5]),
        "runs": project.runs.select_related("reward_model__project", "dataset_version").prefetch_related(
            listed_evaluations("reward_model__")
        )[:3],
    }
    return render(request, "rewardtrain/monitoring/_machine.html", context)
