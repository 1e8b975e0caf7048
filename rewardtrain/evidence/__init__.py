"""The kinds of evidence, each in a room of its own: pairs of rankings, labels of classifications.

Chosen once, by what the project asks of its people (labeling.judgements). Whoever needs to know what models of a
project learn from asks its Evidence; no other place asks which kind of project it is.
"""

from labeling.models import Project
from rewardtrain.evidence.evidence import Evidence
from rewardtrain.evidence.labels import LABELS
from rewardtrain.evidence.pairs import PAIRS

# By the name of the judgement. A further kind of judgement may well be learnt from as pairs.
EVIDENCE: dict[str, Evidence] = {"ranking": PAIRS, "classification": LABELS}


def evidence_of(project: Project) -> Evidence:
    return EVIDENCE[project.kind]


__all__ = ["EVIDENCE", "LABELS", "PAIRS", "Evidence", "evidence_of"]
