"""From what a body asks for to sequences, and back from a sequence to its place in the body."""

from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.errors import DataError
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving.protocols import Asked


def encode(scorer: Scorer, asked: Asked) -> list[list[Encoded]]:
    """Encodes the completions of each group, or all whole texts as one group. Raises DataError naming the place."""
    if asked.whole is not None:
        return [scorer.encode_whole(asked.whole)]
    encoded = []
    for group in asked.groups:
        try:
            encoded.append(scorer.encode(group))
        except DataError as error:
            raise DataError(f"{group.id}: {error}") from error
    _refuse_long(scorer, asked, [sequence for sequences in encoded for sequence in sequences])
    return encoded


def _refuse_long(scorer: Scorer, asked: Asked, sequences: list[Encoded]) -> None:
    most = scorer.max_length if asked.most is None else asked.most
    for index, sequence in enumerate(sequences):
        cut = sequence.prompt_cut or sequence.completion_cut
        if (cut and not asked.may_cut) or len(sequence) > most:
            words = f"{place(asked, index)} is over {most} tokens with what it is read with"
            raise DataError(f"{words}; shorten it, or have it cut to the model's {scorer.max_length}")


def place(asked: Asked, index: int) -> str:
    """Tells where in the body the sequence of this index came from."""
    if asked.whole is not None:
        return f"text {index}"
    for group in asked.groups:
        if index < len(group.completions):
            return f"{group.id}: completions[{index}]" if len(group.completions) > 1 else group.id
        index -= len(group.completions)
    raise IndexError(index)
