import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rewardtrain.core.data.groups import Group, Message
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.head.features import Features, FeatureStore, Made, Missing, completion_keys

SIZE = 3


def group(name: str, *completions: str) -> Group:
    return Group(name, "train", (Message("user", name),), completions, ())


def value(missing: Missing) -> list[float]:
    """Features that name whose they are."""
    return [float(len(missing.prompt[0].content)), float(len(missing.completion)), float(missing.key[0])]


def make(missing: list[Missing], order: int = -1) -> Iterator[Made]:
    """One at a time, the last first, as sorting by length would."""
    for place in list(range(len(missing)))[::order]:
        cut = np.array([missing[place].completion == "cut"])
        yield Made(
            [place], Features(np.array([value(missing[place])], dtype=np.float32), [missing[place].key], ~cut, cut, cut)
        )


def never(missing: list[Missing]) -> Iterator[Made]:
    raise AssertionError(f"{len(missing)} were encoded again")


def test_features_come_in_the_order_of_the_completions(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, size=SIZE)
    got = store.get([group("ab", "x", "cut"), group("a", "xx")], make)
    assert got.values[:, :2].tolist() == [[2, 1], [2, 3], [1, 2]]
    assert got.completion_cut.tolist() == [False, True, False]
    assert got.prompt_cut.tolist() == [True, False, True]


def test_what_was_encoded_once_is_never_encoded_again(tmp_path: Path) -> None:
    groups = [group("ab", "x", "yy", "x"), group("ab", "yy")]
    first = FeatureStore(tmp_path, size=SIZE).get(groups, make)
    again = FeatureStore(tmp_path, size=SIZE)
    assert len(again) == 2
    assert np.array_equal(again.get(groups, never).values, first.values)


def test_the_same_text_after_another_dialogue_is_another_completion() -> None:
    keys = {*completion_keys(group("a", "bc")), *completion_keys(group("ab", "c"))}
    keys |= {*completion_keys(Group("1", "train", (Message("system", "a"),), ("bc",), ()))}
    assert len(keys) == 3


@pytest.mark.parametrize("torn", [1, 33, 66])
def test_the_torn_tail_of_a_killed_writer_is_gone_over(tmp_path: Path, torn: int) -> None:
    """Rows are written before the index, so a kill leaves rows too many, or a record of which `torn` bytes lack."""
    groups = [group("ab", "x", "yy", "zzz")]
    whole = FeatureStore(tmp_path, size=SIZE).get(groups, make)
    index = tmp_path / "index.bin"
    os.truncate(index, index.stat().st_size - torn)
    store = FeatureStore(tmp_path, size=SIZE)
    assert len(store) == 2
    assert np.array_equal(store.get(groups, make).values, whole.values)
    assert index.stat().st_size == 3 * 67
    assert (tmp_path / "features.bin").stat().st_size == 3 * SIZE * 4


def _write_all(folder: Path, barrier: object, order: int) -> None:
    store = FeatureStore(folder, size=SIZE)
    barrier.wait()  # type: ignore[attr-defined]
    store.get([group(f"{number}", "x", "yy") for number in range(40)], lambda missing: make(missing, order))


def test_two_processes_that_write_the_same_keep_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    writers = [context.Process(target=_write_all, args=(tmp_path, barrier, order)) for order in (1, -1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = FeatureStore(tmp_path, size=SIZE)
    assert len(store) == 80
    assert (tmp_path / "index.bin").stat().st_size == 80 * 67
    seven = group("7", "x", "yy")
    pairs = zip(completion_keys(seven), seven.completions, strict=True)
    wanted = [value(Missing(key, "7", seven.prompt, text)) for key, text in pairs]
    assert store.get([seven], never).values.tolist() == wanted


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    FeatureStore(tmp_path, size=SIZE).get([group("a", "x")], make)
    os.truncate(tmp_path / "features.bin", 5)
    with pytest.raises(ConfigError, match=r"features\.bin' was cut to 5 bytes"):
        FeatureStore(tmp_path, size=SIZE).get([group("a", "x")], never)


def test_completions_that_were_one_input_have_the_values_of_the_first_made(tmp_path: Path) -> None:
    """Two runs, or two batches of one, round otherwise."""

    def made_as(number: float) -> Features:
        none = np.array([False])
        return Features(np.full((1, SIZE), number, dtype=np.float32), [b"one input".ljust(32)], none, none, none)

    first = FeatureStore(tmp_path, size=SIZE).get([group("a", "x" * 99)], lambda missing: [Made([0], made_as(0.25))])
    later = FeatureStore(tmp_path, size=SIZE).get([group("a", "x" * 100)], lambda missing: [Made([0], made_as(0.5))])
    assert first.values.tolist() == later.values.tolist() == [[0.25] * SIZE]
    assert first.inputs_of([group("a", "x")]) == later.inputs_of([group("a", "y")])
