"""Addresses of the human side's API, under /api/v1/."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from labeling.api import (
    agreement,
    assignments,
    dataset_files,
    datasets,
    exports,
    imports,
    invitations,
    members,
    pairs,
    projects,
    prompts,
    rankings,
    withdrawals,
)
from labeling.api.leaving import accounts, work
from labeling.api.lists import bulk_acts, saved_views
from labeling.api.quality import golds, qualification
from labeling.api.queue import cohorts, pauses
from labeling.api.review import named, reviews


class AnythingConverter(StringConverter):
    """What an imported file may have for an id: slashes and line ends too."""

    regex = r"(?s:.+)"


register_converter(AnythingConverter, "anything")
app_name = "labeling_api"
urlpatterns = [
    path("accounts/<anything:username>/deactivate/", accounts.DeactivateAccount.as_view(), name="account_deactivate"),
    path("accounts/<anything:username>/reactivate/", accounts.ReactivateAccount.as_view(), name="account_reactivate"),
    path("accounts/<anything:username>/erase/", accounts.EraseAccount.as_view(), name="erase_account"),
    path("accounts/<anything:username>/", accounts.OneAccount.as_view(), name="one_account"),
    path("projects/", projects.Projects.as_view(), name="projects"),
    path("deletions/", projects.Deletions.as_view(), name="deletions"),
    path("projects/<slug:slug>/", projects.OneProject.as_view(), name="project"),
    path("projects/<slug:slug>/pause/", pauses.PauseProject.as_view(), name="project_pause"),
    path("projects/<slug:slug>/resume/", pauses.ResumeProject.as_view(), name="project_resume"),
    path("projects/<slug:slug>/cohorts/", cohorts.Cohorts.as_view(), name="cohorts"),
    path("projects/<slug:slug>/cohorts/<int:cohort>/", cohorts.OneCohort.as_view(), name="cohort"),
    path("projects/<slug:slug>/members/", members.Members.as_view(), name="members"),
    path("projects/<slug:slug>/members/<str:username>/", members.OneMember.as_view(), name="member"),
    path("projects/<slug:slug>/people/", members.People.as_view(), name="people"),
    path("projects/<slug:slug>/people/<int:person>/", members.OnePerson.as_view(), name="person"),
    path("projects/<slug:slug>/people/<int:person>/resume/", golds.ResumePerson.as_view(), name="person_resume"),
    path(
        "projects/<slug:slug>/people/<int:person>/qualification/",
        qualification.PersonQualification.as_view(),
        name="person_qualification",
    ),
    path("projects/<slug:slug>/golds/", golds.Golds.as_view(), name="golds"),
    path("projects/<slug:slug>/golds/<anything:external_id>/", golds.OneGold.as_view(), name="gold"),
    path("projects/<slug:slug>/people/<int:person>/withdraw/", work.WithdrawWork.as_view(), name="work_withdraw"),
    path("projects/<slug:slug>/people/<int:person>/restore/", work.RestoreWork.as_view(), name="work_restore"),
    path("projects/<slug:slug>/invitations/", invitations.Invitations.as_view(), name="invitations"),
    path("projects/<slug:slug>/invitations/links/", invitations.InvitationLinks.as_view(), name="invitation_links"),
    path(
        "projects/<slug:slug>/invitations/<int:invitation>/renew/",
        invitations.RenewInvitation.as_view(),
        name="invitation_renew",
    ),
    path("projects/<slug:slug>/invitations/<int:invitation>/", invitations.OneInvitation.as_view(), name="invitation"),
    path("projects/<slug:slug>/prompts/", prompts.Prompts.as_view(), name="prompts"),
    path("projects/<slug:slug>/prompts/withdraw/", withdrawals.WithdrawPrompts.as_view(), name="prompts_withdraw"),
    path("projects/<slug:slug>/prompts/restore/", withdrawals.RestorePrompts.as_view(), name="prompts_restore"),
    path("projects/<slug:slug>/prompts/<anything:external_id>/", prompts.OnePrompt.as_view(), name="prompt"),
    path("projects/<slug:slug>/bulk-acts/", bulk_acts.BulkActs.as_view(), name="bulk_acts"),
    path("projects/<slug:slug>/bulk-acts/<int:number>/", bulk_acts.OneBulkAct.as_view(), name="bulk_act"),
    path(
        "projects/<slug:slug>/bulk-acts/<int:number>/cancel/", bulk_acts.CancelBulkAct.as_view(), name="bulk_act_cancel"
    ),
    path("projects/<slug:slug>/views/", saved_views.SavedViews.as_view(), name="views"),
    path("projects/<slug:slug>/views/<int:view_id>/", saved_views.OneSavedView.as_view(), name="view"),
    path("projects/<slug:slug>/imports/", imports.Imports.as_view(), name="imports"),
    path("projects/<slug:slug>/imports/<int:number>/", imports.OneImport.as_view(), name="import"),
    path("projects/<slug:slug>/imports/<int:number>/pause/", imports.PauseImport.as_view(), name="import_pause"),
    path("projects/<slug:slug>/imports/<int:number>/resume/", imports.ResumeImport.as_view(), name="import_resume"),
    path("projects/<slug:slug>/imports/<int:number>/cancel/", imports.CancelImport.as_view(), name="import_cancel"),
    path("projects/<slug:slug>/imports/<int:number>/undo/", imports.UndoImport.as_view(), name="import_undo"),
    path("projects/<slug:slug>/imports/<int:number>/bad-lines/", imports.BadLines.as_view(), name="import_bad_lines"),
    path("projects/<slug:slug>/assignments/next/", assignments.NextAssignment.as_view(), name="assignment_next"),
    path("projects/<slug:slug>/rankings/", rankings.Rankings.as_view(), name="rankings"),
    path("projects/<slug:slug>/reviews/", reviews.Reviews.as_view(), name="reviews"),
    path("projects/<slug:slug>/reviewers/", named.Reviewers.as_view(), name="reviewers"),
    path("projects/<slug:slug>/reviews/<int:case>/", reviews.OneReview.as_view(), name="review"),
    path("projects/<slug:slug>/reviews/<int:case>/task/", reviews.ReviewTask.as_view(), name="review_task"),
    path("projects/<slug:slug>/reviews/<int:case>/decide/", reviews.DecideReview.as_view(), name="review_decide"),
    path(
        "projects/<slug:slug>/reviews/<int:case>/decide-as/", reviews.DecideReviewAs.as_view(), name="review_decide_as"
    ),
    path(
        "projects/<slug:slug>/reviews/<int:case>/send-back/", reviews.SendReviewBack.as_view(), name="review_send_back"
    ),
    path("projects/<slug:slug>/reviews/<int:case>/put-back/", reviews.PutReviewBack.as_view(), name="review_put_back"),
    path("projects/<slug:slug>/reviews/<int:case>/discard/", reviews.DiscardReview.as_view(), name="review_discard"),
    path("projects/<slug:slug>/reviews/<int:case>/leave/", reviews.LeaveReview.as_view(), name="review_leave"),
    path("projects/<slug:slug>/reviews/<int:case>/reserve/", named.ReserveReview.as_view(), name="review_reserve"),
    path("projects/<slug:slug>/pairs/", pairs.Pairs.as_view(), name="pairs"),
    path("projects/<slug:slug>/agreement/", agreement.Agreement.as_view(), name="agreement"),
    path("projects/<slug:slug>/export/", exports.Export.as_view(), name="export"),
    path("projects/<slug:slug>/datasets/", datasets.Datasets.as_view(), name="datasets"),
    path("projects/<slug:slug>/datasets/<int:number>/", datasets.OneDataset.as_view(), name="dataset"),
    path("projects/<slug:slug>/datasets/<int:number>/folder/", datasets.DatasetFolder.as_view(), name="dataset_folder"),
    path("projects/<slug:slug>/datasets/<int:number>/file/", dataset_files.DatasetFile.as_view(), name="dataset_file"),
    path(
        "projects/<slug:slug>/datasets/<int:number>/link/", dataset_files.DatasetLinks.as_view(), name="dataset_links"
    ),
    path(
        "projects/<slug:slug>/datasets/<int:number>/link/<int:link>/",
        dataset_files.OneDatasetLink.as_view(),
        name="dataset_link",
    ),
    path("assignments/<int:pk>/ranking/", assignments.AssignmentRanking.as_view(), name="assignment_ranking"),
    path("assignments/<int:pk>/undo/", assignments.AssignmentUndo.as_view(), name="assignment_undo"),
    path("assignments/<int:pk>/skip/", assignments.AssignmentSkip.as_view(), name="assignment_skip"),
    path("assignments/<int:pk>/release/", assignments.AssignmentRelease.as_view(), name="assignment_release"),
    path("assignments/<int:pk>/draft/", assignments.AssignmentDraft.as_view(), name="assignment_draft"),
]
