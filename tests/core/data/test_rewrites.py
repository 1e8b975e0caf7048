"""What labelers made of completions, as further ones of a training prompt."""

from dataclasses import replace

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import build_dataset, merge
from rewardtrain.core.data.groups import Group, Message, Ranking, Rewrite, with_rewrites

ANN = Ranking("ann", (1, 2), strength=3, rewrite=Rewrite(0, "A, better."))
BOB = Ranking("bob", (2, 1))


def group(*rankings: Ranking, split: str = "train", texts: tuple[str, ...] = ("A.", "B.")) -> Group:
    return Group("p", split, (Message("user", "why?"),), texts, rankings)


def test_a_rewrite_is_preferred_by_its_labeler_to_all_that_they_ranked() -> None:
    found = with_rewrites(group(ANN, BOB))
    assert found.completions == ("A.", "B.", "A, better.")
    merged = merge(found)
    assert merged.weights == {(0, 1): 1.0, (1, 0): 1.0, (2, 0): 1.0, (2, 1): 1.0}
    assert (merged.n_strict, merged.n_ties) == (4, 0)


def test_two_rewrites_are_not_compared_with_each_other() -> None:
    other = Ranking("bob", (2, 1), rewrite=Rewrite(1, "B, better."))
    merged = merge(with_rewrites(group(ANN, other)))
    assert merged.weights == {(0, 1): 1.0, (1, 0): 1.0, (2, 0): 1.0, (2, 1): 1.0, (3, 0): 1.0, (3, 1): 1.0}


def test_the_strength_is_of_what_was_compared_and_of_no_rewrite() -> None:
    merged = merge(with_rewrites(group(ANN)), margin="strength", weight="strength")
    assert merged.margins == {(0, 1): 3.0}
    assert merged.scales == {(0, 1): 3.0, (2, 0): 1.0, (2, 1): 1.0}


def test_nothing_is_added_where_nothing_was_changed() -> None:
    same = group(replace(ANN, rewrite=Rewrite(0, " A. ")), BOB)
    assert with_rewrites(same) is same
    assert with_rewrites(group(BOB)) == group(BOB)


def test_a_rewrite_that_is_another_completion_says_nothing_against_that() -> None:
    found = with_rewrites(group(replace(ANN, rewrite=Rewrite(0, "B."))))
    merged = merge(found)
    assert merged.weights == {(0, 1): 1.0, (2, 0): 1.0}
    assert merged.n_alike == 1


def test_it_is_the_same_dialogue_as_before() -> None:
    """So a text that stands alone still leaks where it is in another split."""
    alone = Group("p", "train", (Message("user", ""),), ("A.", "B."), (ANN,))
    assert with_rewrites(alone).prompt_key == alone.prompt_key


def test_they_are_for_training_alone_and_only_where_asked() -> None:
    splits = [replace(group(ANN, split=split), id=split, prompt=(Message("user", split),)) for split in
              ("train", "validation", "test")]  # fmt: skip
    data = build_dataset(splits, TrainConfig())
    assert [len(data.splits[split][0].completions) for split in ("train", "validation", "test")] == [3, 2, 2]
    plain = build_dataset(splits, TrainConfig(rewrites=False))
    assert len(plain.splits["train"][0].completions) == 2
    assert data.splits["test"] == plain.splits["test"]
    assert data.counts()["n_rewrites"] == 1
    assert "n_rewrites" not in plain.counts()


def test_ties_alone_teach_where_something_was_rewritten() -> None:
    tied = Ranking("ann", (1, 1), rewrite=Rewrite(1, "B, better."))
    assert build_dataset([group(tied)], TrainConfig()).left_out["only_ties"] == 0
    assert build_dataset([group(tied)], TrainConfig(rewrites=False)).left_out["only_ties"] == 1
