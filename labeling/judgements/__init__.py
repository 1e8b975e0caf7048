"""The kinds of judgement that a project can ask for, each in a module of its own.

Chosen once, by the project's kind: `project.judgement`. Whoever needs to know what a kind is like asks the Judgement;
no other place asks which kind it is. What a model learns from each is told by `rewardtrain.evidence`.
"""

from labeling.judgements.classification import CLASSIFICATION
from labeling.judgements.judgement import Judgement
from labeling.judgements.ranking import RANKING

JUDGEMENTS: dict[str, Judgement] = {judgement.name: judgement for judgement in (RANKING, CLASSIFICATION)}

__all__ = ["CLASSIFICATION", "JUDGEMENTS", "RANKING", "Judgement"]
