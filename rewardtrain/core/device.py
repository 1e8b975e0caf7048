"""The one place that knows about devices."""

import os
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import linear

from rewardtrain.core.errors import ConfigError

CLEAR_GAIN = 1.15  # how much faster than float32 a shorter type must be to be worth its rounding
MEASURED_TOKENS, MEASURED_SECONDS = 256, 0.25
MINILM_LAYERS = ((384, 384), (1536, 384), (384, 1536))  # (out, in)


@dataclass(frozen=True)
class Device:
    """Where the model runs and in which precision its matrices are multiplied."""

    kind: str  # cuda, mps or cpu
    name: str
    dtype: torch.dtype
    gain: float | None = None  # speed of a shorter type's products over float32's, where it was measured
    measured: torch.dtype = torch.bfloat16  # that type

    @property
    def dtype_name(self) -> str:
        return _name(self.dtype)

    @property
    def label(self) -> str:
        return f"{self.kind} ({self.name})"

    def describe(self) -> dict[str, str | float | None]:
        """Gives what a run's `start` event says."""
        gain = {f"{_name(self.measured)}_gain": round(self.gain, 2) if self.gain else None}
        return {"device": self.kind, "device_name": self.name, "dtype": self.dtype_name, **gain}

    def autocast(self) -> AbstractContextManager[object]:
        """Uses the device's dtype for the products of a forward pass; weights, their gradients and the loss stay
        float32."""
        return torch.autocast(self.kind, dtype=self.dtype, enabled=self.dtype is not torch.float32)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def choose_device(
    threads: int | None = None, *, dtype: str = "float32", layers: Sequence[tuple[int, int]] = MINILM_LAYERS
) -> Device:
    """Finds the best device there is at run time.

    threads: limits the CPU's; None leaves torch's own choice.
    dtype: float32, bfloat16, float16, or auto, which measures products of these layers, (out, in) each, and takes the
    shorter type of this device where that is clearly faster. The measurement may fall out differently another time, so
    a run that goes on after a stop asks for what it began with. Raises ConfigError for a dtype that the device can't
    use.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    kind, name = _kind_and_name()
    if dtype == "auto":
        shorter = shorter_type(kind, has_bfloat16=kind != "cuda" or torch.cuda.is_bf16_supported(False))
        gain = gain_of(shorter, kind, layers)
        return Device(kind, name, shorter if gain >= CLEAR_GAIN else torch.float32, gain, shorter)
    if dtype == "float16" and kind == "cpu":
        raise ConfigError("dtype is 'float16', which is slow on a CPU; set it to 'auto', 'bfloat16' or 'float32'")
    return Device(kind, name, getattr(torch, dtype))


def _kind_and_name() -> tuple[str, str]:
    if torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        return "mps", "Apple GPU"
    threads = torch.get_num_threads()
    return "cpu", f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def shorter_type(kind: str, *, has_bfloat16: bool) -> torch.dtype:
    """Tells which type is worth measuring: float16 on a GPU from before bfloat16 (a T4, a V100), which emulates it, and
    only there, since what is below 6e-8 is nothing in float16 (see model.gradients)."""
    return torch.bfloat16 if kind != "cuda" or has_bfloat16 else torch.float16


def gain_of(shorter: torch.dtype, kind: str, layers: Sequence[tuple[int, int]]) -> float:
    """Measures how many times faster the layers' products are, forward and backward, than in float32.

    The types take turns and each is judged by its fastest round, since a busy machine only ever slows one down.
    """
    best = {torch.float32: float("inf"), shorter: float("inf")}
    started, rounds = time.perf_counter(), 0
    while rounds < 2 or time.perf_counter() - started < MEASURED_SECONDS:  # the first round also warms up
        for dtype in best:
            best[dtype] = min(best[dtype], _seconds(Device(kind, "", dtype), layers))
        rounds += 1
    return best[torch.float32] / best[shorter]


def _seconds(device: Device, layers: Sequence[tuple[int, int]]) -> float:
    tensors = [
        (torch.ones(MEASURED_TOKENS, n_in, device=device.kind), torch.ones(n_out, n_in, device=device.kind))
        for n_out, n_in in layers
    ]
    wait(device)
    started = time.perf_counter()
    for values, weight in tensors:
        with device.autocast():
            product = linear(values.requires_grad_(), weight.requires_grad_())
        product.backward(product.detach())  # type: ignore[no-untyped-call]
    wait(device)
    return time.perf_counter() - started


def wait(device: Device) -> None:
    """Waits until all is computed that was asked for: a GPU answers before."""
    if device.kind == "cuda":
        torch.cuda.synchronize()
    elif device.kind == "mps":
        torch.mps.synchronize()


def gpus() -> int:
    """Counts the CUDA devices that this process may use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def require_devices(processes: int) -> None:
    """Raise ConfigError where this machine hasn't a GPU for each of so many processes, and isn't one without."""
    if 0 < gpus() < processes:
        seen = f"processes is {processes}, but there are {gpus()} GPUs"
        raise ConfigError(f"{seen}; one process has one")
    if torch.backends.mps.is_available():
        raise ConfigError(f"processes is {processes}, but there is one GPU; set it to 1")


def use_gpu(number: int) -> None:
    """Have this process use that one from now on."""
    torch.cuda.set_device(number)


def move(tensor: torch.Tensor, kind: str) -> torch.Tensor:
    """Moves it to the device; from pinned memory a GPU copies while it computes, so no micro-batch keeps it waiting."""
    return tensor.pin_memory().to(kind, non_blocking=True) if kind == "cuda" else tensor.to(kind)


def forget_cached() -> None:
    """Give back to the GPU what torch keeps of its memory for later."""
    if gpus():
        torch.cuda.empty_cache()


def total_memory(device: Device) -> int:
    """Gives the bytes of memory that the device has: the GPU's, else the machine's, or what its container may use."""
    if device.kind == "cuda":
        return int(torch.cuda.get_device_properties().total_memory)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        allowed = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return machine
    return min(machine, int(allowed)) if allowed.isdecimal() else machine


def peak_memory_mb(device: Device) -> float:
    """Gives the most memory this process has held so far: on the GPU where there is one, else of the whole process."""
    if device.kind == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
