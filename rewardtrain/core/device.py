"""The one place that knows about devices."""

import resource
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Device:
    """Where the model runs and in which precision its matrices are multiplied."""

    kind: str  # cuda, mps or cpu
    name: str
    dtype: torch.dtype

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def label(self) -> str:
        return f"{self.kind} ({self.name})"

    def autocast(self) -> AbstractContextManager[object]:
        """bfloat16 for the forward pass where the device has it; weights, gradients and the loss stay float32."""
        return torch.autocast(self.kind, dtype=torch.bfloat16, enabled=self.dtype is torch.bfloat16)


def choose_device(threads: int | None = None) -> Device:
    """The best device there is at run time; `threads` limits the CPU's (None leaves torch's own choice)."""
    if threads is not None:
        torch.set_num_threads(threads)
    if torch.cuda.is_available():
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        return Device("cuda", torch.cuda.get_device_name(), dtype)
    if torch.backends.mps.is_available():
        return Device("mps", "Apple GPU", torch.float32)
    return Device("cpu", f"CPU, {torch.get_num_threads()} threads", torch.float32)


def peak_memory_mb(device: Device) -> float:
    """The most memory this process has held so far: on the GPU where there is one, else of the whole process."""
    if device.kind == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def rng_state(device: Device) -> dict[str, torch.Tensor]:
    """The state of every random generator in use."""
    states = {"cpu": torch.get_rng_state()}
    return states | {"cuda": torch.cuda.get_rng_state()} if device.kind == "cuda" else states


def set_rng_state(device: Device, states: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if device.kind == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])
