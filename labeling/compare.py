from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    one: str
    two: str


def compare(one: str, two: str) -> Comparison:
    return Comparison(one, two)
