"""Figures for a reader of a terminal or a model card: one way to write a number, an interval and an n. No torch."""

from formats.evaluation_report.figures import Ends, Estimate, ShareEnds, ShareEstimate
from formats.evaluation_report.pairs import RankCorrelation


def number(value: float, sign: str = "") -> str:
    """Writes four digits, of which a negative zero is none."""
    return f"{value:{sign}z.4f}"


def ends(estimate: Ends | ShareEnds, sign: str = "") -> str:
    """Writes '0.4000 to 0.6000', or that there is no interval."""
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return "unknown, of too few prompts"
    return f"{number(low, sign)} to {number(high, sign)}"


def estimate(value: Estimate | ShareEstimate | RankCorrelation | None, sign: str = "") -> str:
    """Writes '0.5000 (0.4000 to 0.6000)'."""
    if value is None or value["value"] is None:
        return "unknown"
    around = "too few prompts for an interval" if value["low"] is None else ends(value, sign)
    return f"{number(value['value'], sign)} ({around})"


def counted(n: int, what: str, n_prompts: int | None = None) -> str:
    """Writes '48 pairs of 3 prompts', or '48 pairs'."""
    of = "" if n_prompts is None else f" of {_plural(n_prompts, 'prompt')}"
    return f"{_plural(n, what)}{of}"


def _plural(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
