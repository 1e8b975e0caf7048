"""The tables of the human side, one module per noun."""

from labeling.models.assignments import Assignment, Purpose, QueuePosition, WorkWithdrawal
from labeling.models.attempts import Attempts
from labeling.models.counters import Counter, LabelerCounter
from labeling.models.datasets import DatasetVersion, ReplacedFile, VersionLink, VersionNote
from labeling.models.imports import Import, ImportedTags
from labeling.models.lists.bulk_acts import BulkAct
from labeling.models.lists.cohorts import Cohort, CohortMember
from labeling.models.lists.saved_views import SavedView
from labeling.models.pairs import PreferencePair
from labeling.models.projects import Invitation, Membership, PersonErasure, Project, ProjectDeletion, Role
from labeling.models.prompts import Completion, Prompt, PromptErasure, PromptRevision, SearchBacklog, SearchText, Split
from labeling.models.quality.checks import CheckResult, GoldAnswer
from labeling.models.quality.qualification import QualificationAnswer, QualificationAttempt
from labeling.models.rankings import RankedCompletion, Ranking
from labeling.models.review.acts import ReviewAct
from labeling.models.review.cases import ReviewCase
from labeling.models.users import User

__all__ = [
    "Assignment",
    "Attempts",
    "BulkAct",
    "CheckResult",
    "Cohort",
    "CohortMember",
    "Completion",
    "Counter",
    "DatasetVersion",
    "GoldAnswer",
    "Import",
    "ImportedTags",
    "Invitation",
    "LabelerCounter",
    "Membership",
    "PersonErasure",
    "PreferencePair",
    "Project",
    "ProjectDeletion",
    "Prompt",
    "PromptErasure",
    "PromptRevision",
    "Purpose",
    "QualificationAnswer",
    "QualificationAttempt",
    "QueuePosition",
    "RankedCompletion",
    "Ranking",
    "ReplacedFile",
    "ReviewAct",
    "ReviewCase",
    "Role",
    "SavedView",
    "SearchBacklog",
    "SearchText",
    "Split",
    "User",
    "VersionLink",
    "VersionNote",
    "WorkWithdrawal",
]
