"""What is said of a model folder that isn't as it was written, and which folders share a backbone."""

import json
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from rewardtrain.core.artifact.folder import (
    CARD,
    FORMAT,
    HEADS,
    MANIFEST,
    SETTINGS,
    describe_again,
    is_finished,
    read_calibration,
    read_heads,
    read_json,
    read_settings,
    reading_of,
    require_model,
    same_backbone,
    verify,
    write_json,
)
from rewardtrain.core.artifact.shards import BACKBONE
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.measures.calibrate import RAW
from tests.core.tiny.finished import CALIBRATION, REPORT, Save


def changed(folder: Path, name: str, **changes: object) -> None:
    values = read_json(folder / name)
    write_json(folder / name, {key: value for key, value in {**values, **changes}.items() if value is not ...})


@pytest.fixture
def folder(save: Save) -> Path:
    return save("model", 1)[0]


def test_a_file_that_was_lost_or_changed_is_named(folder: Path) -> None:
    verify(folder)
    text = (folder / CARD).read_bytes()
    (folder / CARD).write_bytes(text[:-1] + b"!")
    with pytest.raises(ConfigError, match=r"README\.md in model folder .* was changed: .*the manifest has"):
        verify(folder)
    (folder / CARD).unlink()
    with pytest.raises(ConfigError, match=r"has lost README\.md; restore it or train again"):
        verify(folder)


def test_a_folder_without_its_manifest_is_not_finished(folder: Path, tmp_path: Path) -> None:
    assert is_finished(folder)
    require_model(folder)
    (folder / MANIFEST).unlink()
    assert not is_finished(folder)
    with pytest.raises(ConfigError, match=r"has no manifest\.json: not finished, or not made here"):
        require_model(folder)
    with pytest.raises(ConfigError, match=r"nowhere' doesn't exist"):
        require_model(tmp_path / "nowhere")


def test_settings_of_a_later_version_are_refused_and_those_of_earlier_ones_read(folder: Path) -> None:
    assert read_calibration(folder) == CALIBRATION
    changed(folder, SETTINGS, format=FORMAT + 1)
    with pytest.raises(ConfigError, match=rf"has format {FORMAT + 1}; this version reads 1 to {FORMAT}, so update it"):
        read_settings(folder)
    changed(folder, SETTINGS, format=2, reading=...)
    assert reading_of(read_settings(folder)) == 1
    assert read_calibration(folder) == CALIBRATION
    changed(folder, SETTINGS, format=1)
    assert read_calibration(folder) == RAW, "the first had none"
    changed(folder, SETTINGS, format=...)
    with pytest.raises(ConfigError, match="has format None"):
        read_settings(folder)


def test_settings_that_are_none_are_named(folder: Path) -> None:
    for text, words in (
        ("{", "is not JSON in UTF-8"),
        ("[1]", r"is \[1\], no object; restore it or train again"),
        (json.dumps({"format": FORMAT, "max_length": 3}), "has no style; restore it or train again"),
        (json.dumps({"format": FORMAT, "style": "pair"}), "has no max_length; restore it or train again"),
    ):
        (folder / SETTINGS).write_text(text)
        with pytest.raises(ConfigError, match=words):
            read_settings(folder)


def test_an_ensemble_is_read_as_it_was_written_or_refused(save: Save) -> None:
    heads = np.arange(66, dtype=np.float32).reshape(2, 33)
    folder = save("model", 1, heads=heads)[0]
    found = read_heads(folder)
    assert found is not None
    np.testing.assert_array_equal(found, heads)
    (folder / HEADS).write_bytes(b"none")
    with pytest.raises(ConfigError, match=r"heads\.safetensors' can't be read"):
        read_heads(folder)
    (folder / HEADS).unlink()
    assert read_heads(folder) is None
    heads[1, 2] = np.nan
    with pytest.raises(ConfigError, match="holds numbers that are not finite"):
        read_heads(save("other", 1, heads=heads)[0])


def test_models_of_one_backbone_differ_in_their_head_alone(save: Save) -> None:
    one, other, alone = (
        save(name, seed, share=name != "alone")[0] for name, seed in (("a", 1), ("b", 2), ("alone", 1))
    )
    assert same_backbone(one, other)
    assert same_backbone(one, one)
    assert not same_backbone(one, alone)
    assert not same_backbone(alone, alone), "its weights are in one file"
    assert (one / BACKBONE).samefile(other / BACKBONE)
    for changes in ({"max_length": 16}, {"style": "text"}, {"reading": 1}):
        before = (other / SETTINGS).read_bytes()
        changed(other, SETTINGS, **changes)
        assert not same_backbone(one, other), changes
        (other / SETTINGS).write_bytes(before)
    manifest = read_json(other / MANIFEST)
    for name in (BACKBONE, "config.json", "tokenizer.json"):
        files = {**manifest["files"], name: {"bytes": 1, "sha256": "0"}}
        write_json(other / MANIFEST, {**manifest, "files": files})
        assert not same_backbone(one, other), name


def test_a_card_written_anew_has_the_other_figures_and_the_manifest_knows_it(folder: Path) -> None:
    figure = {**REPORT["accuracy"], "value": 0.8765}
    describe_again(folder, {**REPORT, "accuracy": figure})
    assert "| accuracy | 0.8765 |" in (folder / CARD).read_text()
    verify(folder)


def test_who_reads_json_while_it_is_written_sees_the_old_or_the_new(tmp_path: Path) -> None:
    """It is written beside and put in place whole; what can't be written leaves the old one."""
    path = tmp_path / "a.json"
    write_json(path, {"ä": 1})
    assert path.read_text(encoding="utf-8") == '{\n  "ä": 1\n}\n'
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"ä": 1}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("00003.parquet", "Rankings by people, dataset version 3; sha256 of the file `ffff"),
        ("10000.parquet", "Rankings by people, dataset version 10000; sha256"),
        ("mine `a`.jsonl", "Rankings by people in `mine a.jsonl`; sha256"),
        (None, "Rankings by people; sha256"),
    ],
)
def test_the_card_says_which_rankings_it_was_trained_on(folder: Path, file: str | None, words: str) -> None:
    manifest = read_json(folder / MANIFEST)
    write_json(folder / MANIFEST, {**manifest, "data": {**manifest["data"], "file": file}})
    describe_again(folder, REPORT)
    card = ModelCard.load(folder / CARD)
    assert words in card.text
    assert card.data.license is None, "a person's to choose"
    [result, *_] = card.data.eval_results
    assert result.dataset_name.endswith(f"sha256 {'f' * 12}")
