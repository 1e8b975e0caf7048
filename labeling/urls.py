"""The addresses of the pages. Those of runs and models are in rewardtrain.urls."""

from django.urls import path

from labeling.views import export, history, home, invitations, people, preferences, projects, prompts, rank, styleguide

urlpatterns = [
    path("", home.home, name="home"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
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
    path("p/<slug:slug>/history/", history.history, name="history"),
    path("p/<slug:slug>/guidelines/", projects.guidelines, name="guidelines"),
    path("p/<slug:slug>/prompts/", prompts.prompts, name="prompts"),
    path("p/<slug:slug>/people/", people.people, name="people"),
    path("p/<slug:slug>/people/set/", people.set_member, name="member_set"),
    path("p/<slug:slug>/people/remove/", people.remove_member, name="member_remove"),
    path("p/<slug:slug>/settings/", projects.settings, name="project_settings"),
    path("p/<slug:slug>/export/", export.export, name="export"),
    path("p/<slug:slug>/export/download/", export.download, name="export_download"),
    path("p/<slug:slug>/export/freeze/", export.freeze, name="export_freeze"),
]
