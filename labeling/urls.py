"""The addresses of the pages. Those of runs and models are in rewardtrain.urls."""

from django.urls import path

from labeling.views import export, history, home, invitations, people, preferences, projects, prompts, rank, upkeep

urlpatterns = [
    path("", home.home, name="home"),
    path("language/", preferences.language, name="language"),
    path("theme/", preferences.theme, name="theme"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("preferences/tour/", preferences.tour, name="preferences_tour"),
    path("projects/new/", projects.create, name="project_create"),
    path("invite/<str:token>/", invitations.invitation, name="invitation"),
    path("p/<slug:slug>/", projects.overview, name="project"),
    path("p/<slug:slug>/rank/", rank.rank, name="rank"),
    path("p/<slug:slug>/rank/<int:assignment_id>/skip/", rank.skip, name="rank_skip"),
    path("p/<slug:slug>/rank/<int:assignment_id>/cannot-rank/", rank.cannot_rank, name="rank_cannot"),
    path("p/<slug:slug>/rank/<int:assignment_id>/ahead/", rank.ahead, name="rank_ahead"),
    path("p/<slug:slug>/rank/<int:assignment_id>/draft/", upkeep.draft, name="rank_draft"),
    path("p/<slug:slug>/rank/<int:assignment_id>/keep/", upkeep.keep, name="rank_keep"),
    path("p/<slug:slug>/rank/<int:assignment_id>/leave/", upkeep.leave, name="rank_leave"),
    path("p/<slug:slug>/rank/<int:assignment_id>/undo/", upkeep.undo, name="rank_undo"),
    path("p/<slug:slug>/rank/<int:assignment_id>/compare/", upkeep.compare, name="rank_compare"),
    path("p/<slug:slug>/history/", history.history, name="history"),
    path("p/<slug:slug>/guidelines/", projects.guidelines, name="guidelines"),
    path("p/<slug:slug>/prompts/", prompts.prompts, name="prompts"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/", prompts.prompt, name="prompt"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/put-back/", prompts.put_back, name="prompt_put_back"),
    path("p/<slug:slug>/people/", people.people, name="people"),
    path("p/<slug:slug>/people/set/", people.set_member, name="member_set"),
    path("p/<slug:slug>/people/remove/", people.remove_member, name="member_remove"),
    path("p/<slug:slug>/settings/", projects.settings, name="project_settings"),
    path("p/<slug:slug>/export/", export.export, name="export"),
    path("p/<slug:slug>/export/download/", export.download, name="export_download"),
    path("p/<slug:slug>/export/freeze/", export.freeze, name="export_freeze"),
]
