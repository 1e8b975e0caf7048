"""The tables of the machine side, one module per noun."""

from rewardtrain.models.auto_labels import AutoLabelJob, ModelPreference, PromptScore
from rewardtrain.models.best_of_jobs import BestOfJob, CandidateRow
from rewardtrain.models.policies import RetrainPolicy
from rewardtrain.models.reward_models import Evaluation, Promotion, RewardModel, listed_evaluations
from rewardtrain.models.runs import RunPoint, TrainingRun

__all__ = [
    "AutoLabelJob",
    "BestOfJob",
    "CandidateRow",
    "Evaluation",
    "ModelPreference",
    "Promotion",
    "PromptScore",
    "RetrainPolicy",
    "RewardModel",
    "RunPoint",
    "TrainingRun",
    "listed_evaluations",
]
