import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rewardtrain.core import device as device_module
from rewardtrain.core.device import CLEAR_GAIN, Device, choose_device, gain_of, shorter_type
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
    assert gain_of(torch.bfloat16, "cpu", LAYERS) > 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("kind", "has_bfloat16", "shorter"),
    [
        ("cpu", True, torch.bfloat16),
        ("mps", True, torch.bfloat16),
        ("cuda", True, torch.bfloat16),  # from Ampere on: A100, H100
        ("cuda", False, torch.float16),  # T4, V100
    ],
)
def test_float16_is_measured_where_bfloat16_is_but_emulated(
    kind: str, has_bfloat16: bool, shorter: torch.dtype
) -> None:
    assert shorter_type(kind, has_bfloat16=has_bfloat16) is shorter


def test_what_was_measured_is_said_by_its_name() -> None:
    said = Device("cuda", "Tesla T4", torch.float16, 4.567, torch.float16).describe()
    assert said == {"device": "cuda", "device_name": "Tesla T4", "dtype": "float16", "float16_gain": 4.57}


@pytest.mark.gpu
def test_a_gpu_measures_the_type_that_its_cores_have() -> None:
    found = choose_device(dtype="auto", layers=LAYERS)
    native = torch.cuda.get_device_capability() >= (8, 0)
    assert found.measured is (torch.bfloat16 if native else torch.float16)


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
