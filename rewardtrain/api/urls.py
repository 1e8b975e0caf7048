"""Addresses of the machine side's API, under /api/v1/."""

from django.urls import path

from rewardtrain.api import auto_labels, backbones, best_of, models, runs, score, scoring

app_name = "rewardtrain_api"
urlpatterns = [
    path("projects/<slug:slug>/backbones/", backbones.Backbones.as_view(), name="backbones"),
    path("projects/<slug:slug>/runs/", runs.Runs.as_view(), name="runs"),
    path("projects/<slug:slug>/runs/<int:number>/", runs.OneRun.as_view(), name="run"),
    path("projects/<slug:slug>/runs/<int:number>/cancel/", runs.CancelRun.as_view(), name="run_cancel"),
    path("projects/<slug:slug>/models/", models.Models.as_view(), name="models"),
    path("projects/<slug:slug>/models/<int:version>/report/", models.ModelReport.as_view(), name="model_report"),
    path("projects/<slug:slug>/models/<int:version>/download/", models.ModelDownload.as_view(), name="model_download"),
    path("projects/<slug:slug>/models/<int:version>/promote/", models.PromoteModel.as_view(), name="model_promote"),
    path("projects/<slug:slug>/models/<int:version>/rollback/", models.RollBackModel.as_view(), name="model_rollback"),
    path(
        "projects/<slug:slug>/models/<int:version>/threshold/", models.ModelThreshold.as_view(), name="model_threshold"
    ),
    path("projects/<slug:slug>/auto-labels/", auto_labels.AutoLabels.as_view(), name="auto_labels"),
    path(
        "projects/<slug:slug>/auto-labels/agreement/",
        auto_labels.AutoLabelAgreement.as_view(),
        name="auto_label_agreement",
    ),
    path(
        "projects/<slug:slug>/auto-labels/<int:number>/", auto_labels.OneAutoLabelJob.as_view(), name="auto_label_job"
    ),
    path(
        "projects/<slug:slug>/auto-labels/<int:number>/cancel/",
        auto_labels.CancelAutoLabelJob.as_view(),
        name="auto_label_job_cancel",
    ),
    path("projects/<slug:slug>/best-of/", best_of.BestOf.as_view(), name="best_of"),
    path("projects/<slug:slug>/best-of/<int:number>/", best_of.OneBestOf.as_view(), name="best_of_job"),
    path("projects/<slug:slug>/best-of/<int:number>/cancel/", best_of.CancelBestOf.as_view(), name="best_of_cancel"),
    path("projects/<slug:slug>/best-of/<int:number>/result/", best_of.BestOfResult.as_view(), name="best_of_result"),
    path("projects/<slug:slug>/score/", score.Score.as_view(), name="score"),
    path("projects/<slug:slug>/scoring/", scoring.Scoring.as_view(), name="scoring"),
]
