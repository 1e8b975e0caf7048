"""The addresses of the pages. Those of runs and models are in rewardtrain.urls."""

from django.urls import path

from labeling.views import (
    edit,
    export,
    history,
    home,
    invitations,
    projects,
    prompts,
    rank,
    upkeep,
    user_settings,
)
from labeling.views.answers import bulk, saved_views
from labeling.views.answers import prompts as prompt_list
from labeling.views.answers import rankings as answers
from labeling.views.checks import gold_board, golds, pauses
from labeling.views.importing import pages as imports
from labeling.views.people import cohorts, person
from labeling.views.people import pages as people
from labeling.views.practising import people as qualified_people
from labeling.views.practising import practice, qualification
from labeling.views.removal import accounts, erasing, own_data
from labeling.views.removal import people as people_erased
from labeling.views.removal import projects as removal_of_projects
from labeling.views.removal import prompts as removal_of_prompts
from labeling.views.removal import work as removal_of_work
from labeling.views.review import board as review_board
from labeling.views.review import cases as review
from labeling.views.styleguide import page
from labeling.views.versions import files as version_files
from labeling.views.versions import pages as versions
from labeling.views.versions import prompts as version_prompts
from labeling.views.versions import results as version_results

urlpatterns = [
    path("", home.home, name="home"),
    path("styleguide/", page.styleguide, name="styleguide"),
    path("language/", user_settings.language, name="language"),
    path("theme/", user_settings.theme, name="theme"),
    path("preferences/", user_settings.preferences, name="preferences"),
    path("preferences/tour/", user_settings.tour, name="preferences_tour"),
    path("tour/seen/", user_settings.tour_seen, name="tour_seen"),
    path("preferences/data/", own_data.own, name="own_data"),
    path("people/<int:person_id>/", accounts.account, name="account"),
    path("people/<int:person_id>/erase/", people_erased.erase, name="erase_account"),
    path("people/<int:person_id>/data/", own_data.of_account, name="data_of_account"),
    path("projects/new/", projects.create, name="project_create"),
    path("projects/deleted/", removal_of_projects.deleted, name="deleted_projects"),
    path("invite/<str:token>/", invitations.invitation, name="invitation"),
    path("invitations/<int:invitation_id>/accept/", invitations.accept, name="invitation_accept"),
    path("invitations/<int:invitation_id>/decline/", invitations.decline, name="invitation_decline"),
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
    path("p/<slug:slug>/practice/", practice.practice, name="practice"),
    path("p/<slug:slug>/practice/compare/", practice.compare, name="practice_compare"),
    path("p/<slug:slug>/practice/<int:place>/", practice.practice_item, name="practice_item"),
    path("p/<slug:slug>/practice/<int:place>/compare/", practice.compare_item, name="practice_item_compare"),
    path("p/<slug:slug>/qualification/", qualification.index, name="qualification"),
    path("p/<slug:slug>/qualification/<int:number>/<int:place>/", qualification.item, name="qualification_item"),
    path(
        "p/<slug:slug>/qualification/<int:number>/<int:place>/compare/",
        qualification.compare,
        name="qualification_compare",
    ),
    path("p/<slug:slug>/history/", history.history, name="history"),
    path("p/<slug:slug>/history/<int:assignment_id>/", edit.edit, name="history_edit"),
    path("p/<slug:slug>/history/<int:assignment_id>/stays/", edit.stays, name="history_stays"),
    path("p/<slug:slug>/cohorts/", cohorts.index, name="cohorts"),
    path("p/<slug:slug>/cohorts/new/", cohorts.edit, name="cohort_new"),
    path("p/<slug:slug>/cohorts/<int:cohort_id>/", cohorts.edit, name="cohort"),
    path("p/<slug:slug>/cohorts/<int:cohort_id>/delete/", cohorts.delete, name="cohort_delete"),
    path("p/<slug:slug>/guidelines/", projects.guidelines, name="guidelines"),
    path("p/<slug:slug>/prompts/", prompt_list.prompts, name="prompts"),
    path("p/<slug:slug>/prompts/withdraw/", removal_of_prompts.withdraw, name="prompts_withdraw"),
    path("p/<slug:slug>/prompts/bulk/", bulk.bulk, name="prompts_bulk"),
    path("p/<slug:slug>/prompts/bulk/<int:number>/", bulk.bulk_act, name="prompts_bulk_act"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/", prompts.prompt, name="prompt"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/correct/", prompts.revise, name="prompt_revise"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/erase/", erasing.erase, name="prompt_erase"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/put-back/", prompts.put_back, name="prompt_put_back"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/gold/", golds.gold, name="prompt_gold"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/gold/rank/", gold_board.rank, name="prompt_gold_rank"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/gold/compare/", gold_board.compare, name="prompt_gold_compare"),
    path("p/<slug:slug>/gold/", golds.index, name="golds"),
    path("p/<slug:slug>/people/<int:person_id>/resume/", pauses.resume, name="person_resume"),
    path("p/<slug:slug>/people/<int:person_id>/qualification/", qualified_people.decide, name="person_qualification"),
    path("p/<slug:slug>/prompts/<int:prompt_id>/review/", review.ask, name="review_ask"),
    path("p/<slug:slug>/rankings/", answers.rankings, name="rankings"),
    path("p/<slug:slug>/views/", saved_views.save, name="view_save"),
    path("p/<slug:slug>/views/<int:view_id>/", saved_views.act, name="view_act"),
    path("p/<slug:slug>/review/", review.queue, name="review"),
    path("p/<slug:slug>/review/reviewers/", review.name_reviewers, name="review_reviewers"),
    path("p/<slug:slug>/review/<int:case_id>/", review.case, name="review_case"),
    path("p/<slug:slug>/review/<int:case_id>/act/", review.act, name="review_act"),
    path("p/<slug:slug>/review/<int:case_id>/decide/", review_board.decide, name="review_decide"),
    path("p/<slug:slug>/imports/", imports.index, name="imports"),
    path("p/<slug:slug>/imports/samples/<str:layout>/", imports.sample, name="import_sample"),
    path("p/<slug:slug>/imports/<int:number>/", imports.detail, name="import"),
    path("p/<slug:slug>/imports/<int:number>/act/", imports.act, name="import_act"),
    path("p/<slug:slug>/imports/<int:number>/bad-lines/", imports.bad_lines_file, name="import_bad_lines"),
    path("p/<slug:slug>/people/", people.people, name="people"),
    path("p/<slug:slug>/people/<int:person_id>/", person.person, name="person"),
    path("p/<slug:slug>/people/<int:person_id>/skips/", person.skips, name="person_skips"),
    path("p/<slug:slug>/people/<int:person_id>/work/", removal_of_work.work, name="person_work"),
    path("p/<slug:slug>/people/ask/", people.ask, name="invitation_ask"),
    path("p/<slug:slug>/people/set/", people.set_member, name="member_set"),
    path("p/<slug:slug>/people/invitations/<int:invitation_id>/withdraw/", people.withdraw, name="invitation_withdraw"),
    path("p/<slug:slug>/people/invitations/<int:invitation_id>/renew/", people.renew, name="invitation_renew"),
    path("p/<slug:slug>/people/remove/", people.remove_member, name="member_remove"),
    path("p/<slug:slug>/pause/", projects.pause, name="project_pause"),
    path("p/<slug:slug>/settings/", projects.settings, name="project_settings"),
    path("p/<slug:slug>/delete/", removal_of_projects.delete, name="project_delete"),
    path("p/<slug:slug>/versions/", versions.versions, name="versions"),
    path("p/<slug:slug>/versions/<int:number>/", versions.version, name="version"),
    path("p/<slug:slug>/versions/<int:number>/note/", versions.note, name="version_note"),
    path("p/<slug:slug>/versions/<int:number>/file/", version_files.file, name="version_file"),
    path("p/<slug:slug>/versions/<int:number>/link/", version_files.link, name="version_link"),
    path(
        "p/<slug:slug>/versions/<int:number>/link/<int:link_id>/revoke/",
        version_files.revoke,
        name="version_link_revoke",
    ),
    path("p/<slug:slug>/versions/<int:number>/labelers/", version_results.labelers, name="version_labelers"),
    path("p/<slug:slug>/versions/<int:number>/difference/", version_results.difference, name="version_difference"),
    path(
        "p/<slug:slug>/versions/<int:number>/difference.jsonl",
        version_results.difference_lines,
        name="version_difference_lines",
    ),
    path("p/<slug:slug>/versions/<int:number>/methods/", version_results.methods, name="version_methods"),
    path("p/<slug:slug>/versions/<int:number>/prompts/", version_prompts.prompts, name="version_prompts"),
    path("p/<slug:slug>/versions/<int:number>/prompts/<int:place>/", version_prompts.prompt, name="version_prompt"),
    path("shared/<str:token>/", version_files.shared, name="version_shared"),
    path("p/<slug:slug>/export/", export.export, name="export"),
    path("p/<slug:slug>/export/download/", export.download, name="export_download"),
    path("p/<slug:slug>/export/freeze/", export.freeze, name="export_freeze"),
    path("p/<slug:slug>/export/versions/<int:number>/folder/", export.folder, name="export_folder"),
]
