"""For administrators to look at; every change goes through the pages, which keep the rules."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from rewardtrain.models import AutoLabelJob, BestOfJob, Evaluation, Promotion, RetrainPolicy, RewardModel, TrainingRun


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes none at run time
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = (
        "project",
        "number",
        "depth",
        "state",
        "trigger",
        "attempts",
        "phase",
        "requested_at",
        "finished_at",
    )
    list_filter = ("depth", "state", "trigger", "project")


@admin.register(RewardModel)
class RewardModelAdmin(ReadOnly):
    list_display = ("project", "version", "champion", "run", "created_at")
    list_filter = ("champion", "project")


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnly):
    list_display = ("reward_model", "dataset_version", "split", "n_pairs", "accuracy", "log_loss", "created_at")


@admin.register(Promotion)
class PromotionAdmin(ReadOnly):
    list_display = ("project", "reward_model", "replaced", "action", "by", "created_at")
    list_select_related = ("project", "reward_model", "replaced", "by")  # Django's own leave out those that may be null
    list_filter = ("action", "project")


@admin.register(RetrainPolicy)
class RetrainPolicyAdmin(ReadOnly):
    list_display = ("project", "head_enabled", "head_every_pairs", "enabled", "every_pairs", "auto_promote")


@admin.register(AutoLabelJob)
class AutoLabelJobAdmin(ReadOnly):
    list_display = ("project", "number", "reward_model", "threshold", "state", "done", "total", "kept", "requested_at")
    list_filter = ("state", "project")


@admin.register(BestOfJob)
class BestOfJobAdmin(ReadOnly):
    list_display = ("project", "number", "reward_model", "state", "done", "total", "n_candidates", "requested_at")
    list_filter = ("state", "project")
