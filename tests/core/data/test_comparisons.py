"""From rankings to comparisons, beside a count by hand; and which prompts are used."""

import random
from dataclasses import replace
from typing import Any

import pytest

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import build_dataset, merge, require_data, tell_apart
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.errors import DataError


def group(name: str, *rankings: Ranking, split: str = "train", prompt: str | None = None, k: int = 2) -> Group:
    texts = tuple(f"{name}{place}" for place in range(k))
    return Group(name, split, (Message("user", prompt or f"prompt of {name}"),), texts, rankings)


def ranking(*ranks: int, labeler: str = "ann", strength: int | None = None, rude: str = "") -> Ranking:
    """rude: y, n or - for each completion."""
    flags = tuple({"rude": said == "y"} if said != "-" else {} for said in rude)
    return Ranking(labeler, ranks, strength, flags)


def drawn(seed: int) -> Group:
    draw = random.Random(seed)
    k = draw.randint(2, 5)
    rankings = [Ranking(f"l{n}", tuple(draw.choices((1, 2, 4), k=k))) for n in range(draw.randint(1, 4))]
    return replace(group(str(seed), *rankings, k=k), read_as=tuple(draw.choices(range(4), k=k)))


@pytest.mark.parametrize("seed", range(25))
def test_every_judgement_is_counted_once_and_by_what_it_says(seed: int) -> None:
    one = drawn(seed)
    k = len(one.completions)
    places = [(i, j) for i in range(k) for j in range(k) if i != j and one.read_as[i] != one.read_as[j]]
    dropped, half, davidson = (merge(one, ties=ties) for ties in ("drop", "half", "davidson"))
    for i, j in places:
        ahead = sum(each.ranks[i] < each.ranks[j] for each in one.rankings)
        tied = sum(each.ranks[i] == each.ranks[j] for each in one.rankings)
        assert dropped.weights.get((i, j), 0) == davidson.weights.get((i, j), 0) == ahead
        assert half.weights.get((i, j), 0) == ahead + tied / 2
        assert davidson.ties.get((i, j), 0) == (tied if i < j else 0)
    for merged in (dropped, half, davidson):
        assert set(merged.weights) <= set(places)
        assert merged.n_strict + merged.n_ties + merged.n_alike == len(one.rankings) * k * (k - 1) / 2
        assert merged.n_strict == sum(dropped.weights.values())
        assert merged.n_ties == sum(davidson.ties.values())
    assert dropped.ties == half.ties == {}
    assert dropped.margins == {}


@pytest.mark.parametrize("seed", range(10))
def test_who_ranked_first_does_not_matter(seed: int) -> None:
    one = drawn(seed)
    for settings in ({}, {"ties": "half"}, {"ties": "davidson"}, {"margin": "gap"}):
        assert merge(one, **settings) == merge(replace(one, rankings=one.rankings[::-1]), **settings)


@pytest.mark.parametrize("seed", range(10))
def test_a_gap_is_how_many_different_ranks_lie_between(seed: int) -> None:
    one = drawn(seed)
    for (i, j), margin in merge(one, margin="gap").margins.items():
        gaps = [
            len({rank for rank in each.ranks if each.ranks[i] < rank <= each.ranks[j]})
            for each in one.rankings
            if each.ranks[i] < each.ranks[j]
        ]
        assert margin == pytest.approx(sum(gaps) / len(gaps))


def test_a_strength_is_the_mean_of_those_who_preferred_the_same() -> None:
    """Two prefer the first, by 3 and by 1; one, who didn't say how much, the second; a tie has no margin."""
    said = (ranking(1, 2, strength=3), ranking(1, 2, strength=1), ranking(2, 1), ranking(1, 1))
    merged = merge(group("a", *said), margin="strength")
    assert merged.margins == {(0, 1): 2.0}
    assert merged.weights == {(0, 1): 2.0, (1, 0): 1.0}
    assert merge(group("a", *said)).margins == merge(group("a", *said), margin="gap", flag=None).votes == {}
    assert merge(group("a", *said), margin="gap").margins == {(0, 1): 1.0, (1, 0): 1.0}


def test_a_gap_has_no_holes_however_far_apart_ranks_are() -> None:
    merged = merge(group("a", ranking(40, 8, 1), k=3), margin="gap")
    assert merged.margins == {(1, 0): 1.0, (2, 0): 2.0, (2, 1): 1.0}


def test_who_did_not_say_how_much_counts_as_nothing_in_the_mean() -> None:
    merged = merge(group("a", ranking(1, 2, strength=3), ranking(1, 2)), margin="strength")
    assert merged.margins == {(0, 1): 1.5}


def test_a_comparison_counts_as_often_as_its_strength_says() -> None:
    """Three prefer the first: 3, 1 and who said nothing, which is once; a tie counts half each way, once."""
    said = (ranking(1, 2, strength=3), ranking(1, 2, strength=1), ranking(1, 2), ranking(1, 1))
    merged = merge(group("a", *said), weight="strength", ties="half")
    assert merged.weights == {(0, 1): 3.5, (1, 0): 0.5}
    assert merged.scales == {(0, 1): pytest.approx((3 + 1 + 1 + 0.5) / 3.5), (1, 0): 1.0}
    assert merge(group("a", *said)).scales == merge(group("a", said[2]), weight="strength").scales == {}


# --- Which prompts are used -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "others", "leaks"),
    [
        ("train", ["train"], False),
        ("train", ["validation"], True),
        ("train", ["test"], True),
        ("validation", ["train"], False),
        ("validation", ["test"], True),
        ("test", ["train", "validation", "test"], False),
    ],
)
def test_a_prompt_leaks_where_a_later_split_has_its_dialogue(split: str, others: list[str], leaks: bool) -> None:
    rows = [group("a", ranking(1, 2), split=split, prompt="the same")]
    rows += [group(f"b{other}", ranking(1, 2), split=other, prompt="the same") for other in others]
    data = build_dataset(rows, TrainConfig())
    assert ("a" in {each.id for each in data.splits[split]}) is not leaks
    assert (
        data.left_out["leak"]
        == sum(
            (other == "train" and split != "train") or (other == "validation" and split == "test") for other in others
        )
        + leaks
    )


def test_ties_alone_train_nothing_unless_they_are_kept_and_are_measured_always() -> None:
    rows = [group("a", ranking(1, 1)), group("b", ranking(1, 1), split="validation")]
    for ties, used in (("drop", 0), ("half", 1), ("davidson", 1)):
        data = build_dataset(rows, TrainConfig(ties=ties))
        assert (len(data.splits["train"]), data.left_out["only_ties"]) == (used, 1 - used)
        assert len(data.splits["validation"]) == 1


def test_what_a_run_says_of_its_data() -> None:
    alike = replace(group("alike", ranking(1, 2)), read_as=(0, 0))
    rows = [
        group("a", ranking(1, 2, 2), ranking(3, 2, 1), k=3),
        replace(group("b", ranking(1, 2, 3), k=3), read_as=(0, 1, 1)),
        group("c", ranking(2, 1), split="validation"),
        group("d", ranking(1, 1), ranking(2, 1), split="test"),
        group("none"),
        alike,
    ]
    data = build_dataset(rows, TrainConfig())
    assert data.counts() == {
        "n_prompts": {"train": 2, "validation": 1, "test": 1},
        "n_completions": 10,
        "n_comparisons": 2 + 3 + 2 + 1 + 1,
        "n_ties": 2,
        "n_alike": 2,
        "dropped": 2,
        "dropped_by_reason": {"one_completion": 0, "no_ranking": 1, "alike": 1, "only_ties": 0, "leak": 0},
    }
    assert [data.n_pairs(split) for split in ("train", "validation", "test")] == [7, 1, 1]
    assert data.tie_share == pytest.approx(1.5 / 9)
    assert [each.id for each in data.groups] == ["a", "b", "c", "d"]


def test_what_a_model_reads_alike_leaves_training_and_stays_where_it_is_measured() -> None:
    config = TrainConfig(head="binary", ties="half", margin="none", flag_positive=False)
    rows = [
        group("a", ranking(1, 2)),
        group("b", ranking(1, 1, rude="y-")),
        group("c", ranking(1, 2, 3), k=3),
        group("d", ranking(1, 2), split="test"),
    ]
    data = build_dataset(rows, config)
    same, apart = [b"x", b"x"], [b"x", b"y"]
    told = tell_apart(data, {"train": [same, same, [b"x", b"y", b"x"]], "validation": [], "test": [same]}, config)
    assert [each.id for each in told.splits["train"]] == ["b", "c"]
    assert told.comparisons["train"][0].votes == {0: (1, 0)}, "not rude is the wanted class, and its vote stays"
    assert told.comparisons["train"][1].weights == {(0, 1): 1.0, (1, 2): 1.0}
    assert (told.left_out["alike"], told.n_alike_alone, told.n_alike) == (1, 1, 1 + 1 + 1 + 1)
    assert [each.id for each in told.splits["test"]] == ["d"]
    assert told.n_pairs("test") == 0
    assert (
        tell_apart(data, {"train": [apart, apart, [b"x", b"y", b"z"]], "validation": [], "test": [apart]}, config)
        == data
    )
    assert data.left_out["alike"] == 0, "the data itself stays as it was"


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_used_once_or_left_out_with_one_reason(seed: int) -> None:
    draw = random.Random(seed)
    rows = [
        replace(drawn(seed * 100 + n), id=str(n), split=draw.choice(("train", "validation", "test")),
                prompt=(Message("user", str(draw.randint(0, 20))),))
        for n in range(40)
    ]  # fmt: skip
    data = build_dataset(rows, TrainConfig())
    assert len(data.groups) + sum(data.left_out.values()) == 40
    assert sum(len(each) for each in data.comparisons.values()) == len(data.groups)
    for split, groups in data.splits.items():
        assert {each.split for each in groups} <= {split}
        assert [merge(each) for each in groups] == data.comparisons[split]


# --- Which flag, and how much is enough -------------------------------------------------------------------------------


def test_a_binary_head_takes_the_only_flag_of_the_data_or_none() -> None:
    plain, rude = group("a", ranking(1, 2)), group("b", ranking(1, 2, rude="y-"))
    assert build_dataset([plain], TrainConfig(head="binary")).flag is None
    assert build_dataset([plain, rude], TrainConfig(head="binary")).flag == "rude"
    assert build_dataset([plain, rude], TrainConfig()).flag is None
    with pytest.raises(DataError, match="flag is 'kind', which no completion of the data has; it has none"):
        build_dataset([plain], TrainConfig(head="binary", flag="kind"))


def some(n: int, *, split: str = "train", rude: str = "", ranks: tuple[int, int] = (1, 2)) -> list[Group]:
    return [group(f"{split}{rude}{n}", ranking(*ranks, rude=rude), split=split) for n in range(n)]


@pytest.mark.parametrize(
    ("rows", "settings", "words"),
    [
        (some(3) + some(1, split="test"), {}, None),
        (some(2) + some(1, split="test"), {}, r"too few pairs to train on: 2, at least 3 needed"),
        (
            some(2, rude="y-") + some(1, split="test"),
            {"head": "binary"},
            r"too few pairs to train on: 2 \(and 2 completions flagged 'rude'\), at least 3",
        ),
        (some(2, rude="yn") + some(1, split="test"), {"head": "binary"}, None),
        (some(2, rude="yy") + some(1, split="test"), {"head": "binary"}, "all 4 completions flagged 'rude' are"),
        (some(2, rude="nn") + some(1, split="test"), {"head": "binary"}, "all 4 completions flagged 'rude' are"),
        (some(3, rude="yy") + some(1, split="test"), {"head": "binary"}, None),
        (
            some(3) + some(1, split="test", ranks=(1, 1)),
            {},
            r"empty or all ties \(usable prompts: 3 train",
        ),
        (some(3, rude="y-") + some(1, split="test", ranks=(1, 1), rude="y-"), {"head": "binary"}, None),
        (some(3) + some(1, split="validation"), {}, "the test split is empty or all ties"),
        ([*some(3), group("s", ranking(1, 2, strength=1)), *some(1, split="test")], {"margin": "strength"}, None),
        (some(3) + some(1, split="test"), {"margin": "strength"}, "set margin to gap or none"),
        (some(3) + some(1, split="test"), {"margin": "gap"}, None),
        (some(3) + some(1, split="test"), {"weight": "strength"}, "set weight to none"),
        ([*some(3), group("s", ranking(1, 2, strength=1)), *some(1, split="test")], {"weight": "strength"}, None),
    ],
)
def test_there_is_enough_to_train_on_or_what_is_missing_is_said(
    rows: list[Group], settings: dict[str, Any], words: str | None
) -> None:
    config = TrainConfig(min_pairs=3, **settings)
    data = build_dataset(rows, config)
    if words is None:
        require_data(data, config)
    else:
        with pytest.raises(DataError, match=words):
            require_data(data, config)


def test_a_refusal_says_what_was_left_out_and_why() -> None:
    alike = replace(group("alike", ranking(1, 2)), read_as=(0, 0))
    with pytest.raises(DataError) as refused:
        require_data(build_dataset([*some(1, ranks=(1, 1)), group("none"), alike], TrainConfig()), TrainConfig())
    assert "0 train, 0 validation, 0 test" in str(refused.value)
    assert "0 one_completion, 1 no_ranking, 1 alike, 1 only_ties, 0 leak" in str(refused.value)
    assert "1 comparisons of equal inputs" in str(refused.value)
