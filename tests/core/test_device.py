import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rewardtrain.core import device as device_module
from rewardtrain.core.device import CLEAR_GAIN, Device, bfloat16_gain, choose_device
from rewardtrain.core.errors import ConfigError

LAYERS = [(32, 32), (64, 32)]


def test_float32_is_what_scoring_gets_unasked() -> None:
    assert choose_device(1).dtype is torch.float32


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_dtype_asked_for_is_taken_without_measuring(name: str) -> None:
    device = choose_device(1, dtype=name)
    assert device.describe()["dtype"] == name
    assert device.describe()["bfloat16_gain"] is None


def test_auto_takes_bfloat16_only_where_it_was_measured_to_be_clearly_faster() -> None:
    device = choose_device(1, dtype="auto", layers=LAYERS)
    assert device.gain is not None
    assert device.dtype is (torch.bfloat16 if device.gain >= CLEAR_GAIN else torch.float32)
    assert device.describe()["bfloat16_gain"] == round(device.gain, 2)


def test_the_measurement_draws_nothing_from_the_random_state() -> None:
    before = torch.get_rng_state()
    assert bfloat16_gain("cpu", LAYERS) > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_float16_is_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigError, match=r"dtype is 'float16', which is slow on a CPU; set it to 'auto'"):
        choose_device(1, dtype="float16")


def test_products_have_the_devices_dtype_and_weights_keep_theirs() -> None:
    layer = torch.nn.Linear(4, 4)
    with Device("cpu", "", torch.bfloat16).autocast():
        product = layer(torch.ones(1, 4))
    product.sum().backward()
    assert product.dtype is torch.bfloat16
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype is torch.float32


def test_no_other_module_asks_for_a_gpu_by_itself() -> None:
    """What is said of CUDA stands in one place; whoever moves to another kind of device changes that."""
    core = Path(device_module.__file__).parent
    asking = [
        path for path in core.rglob("*.py") if re.search(r"torch\.(cuda|mps|backends)\b|\.cuda\(", path.read_text())
    ]
    assert asking == [core / "device.py"]


def test_make_gpu_fails_with_a_sentence_where_there_is_no_gpu() -> None:
    """Else its tests would fail one by one, each with torch's own words."""
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    root = Path(__file__).parents[2]
    asked = subprocess.run(
        [sys.executable, "-m", "tests.gpu"], cwd=root, env=hidden, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 1
    assert "There is no CUDA device here" in asked.stderr
    makefile = (root / "Makefile").read_text()
    assert makefile.index("-m tests.gpu") < makefile.index("pytest -m gpu")
