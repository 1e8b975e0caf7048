"""Figures of a model's further heads, one for each attribute that people rated."""

from formats.evaluation_report.figures import CountedShare


class AttributePart(CountedShare):
    """How often the head prefers what people rated higher; beside it the reward, and the longer completion."""

    name: str
    reward: float
    longer: float
