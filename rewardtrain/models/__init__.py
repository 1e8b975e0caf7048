"""The tables of the machine side, one module per noun."""

from rewardtrain.models.policies import RetrainPolicy
from rewardtrain.models.reward_models import Evaluation, Promotion, RewardModel
from rewardtrain.models.runs import RunPoint, TrainingRun

__all__ = ["Evaluation", "Promotion", "RetrainPolicy", "RewardModel", "RunPoint", "TrainingRun"]
