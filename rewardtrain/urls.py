"""Addresses of the machine side's pages."""

from django.urls import path

from rewardtrain.api import jobs
from rewardtrain.views import auto_labels, best_of, machine, models, playground, policy, runs, thresholds

urlpatterns = [
    path("jobs/<str:name>/<str:act>/", jobs.JobDoor.as_view(), name="job_door"),
    path("p/<slug:slug>/automatic/", auto_labels.index, name="auto_labels"),
    path("p/<slug:slug>/automatic/<int:number>/cancel/", auto_labels.cancel, name="auto_label_cancel"),
    path("p/<slug:slug>/best-of/", best_of.index, name="best_of"),
    path("p/<slug:slug>/best-of/<int:number>/", best_of.detail, name="best_of_job"),
    path("p/<slug:slug>/best-of/<int:number>/result.jsonl", best_of.download, name="best_of_result"),
    path("p/<slug:slug>/best-of/<int:number>/cancel/", best_of.cancel, name="best_of_cancel"),
    path("p/<slug:slug>/machine/", machine.overview, name="project_machine"),
    path("p/<slug:slug>/try/", playground.index, name="playground"),
    path("p/<slug:slug>/versions/<int:number>/models/", models.of_version, name="version_models"),
    path("p/<slug:slug>/policy/", policy.change, name="policy"),
    path("p/<slug:slug>/runs/", runs.index, name="runs"),
    path("p/<slug:slug>/runs/<int:number>/", runs.detail, name="run"),
    path("p/<slug:slug>/runs/<int:number>/cancel/", runs.cancel, name="run_cancel"),
    path("p/<slug:slug>/models/", models.index, name="models"),
    path("p/<slug:slug>/models/scoring/", models.scoring, name="models_scoring"),
    path("p/<slug:slug>/models/rollback/", models.roll_back, name="model_rollback"),
    path("p/<slug:slug>/models/<int:version>/", models.detail, name="model"),
    path("p/<slug:slug>/models/<int:version>/report.json", models.report, name="model_report"),
    path("p/<slug:slug>/models/<int:version>/download/", models.download, name="model_download"),
    path("p/<slug:slug>/models/<int:version>/promote/", models.promote, name="model_promote"),
    path("p/<slug:slug>/models/<int:version>/threshold/", thresholds.threshold, name="threshold"),
]
