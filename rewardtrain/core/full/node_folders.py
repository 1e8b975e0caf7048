"""Files of processes on several machines that share no folder: they travel between the processes themselves.

What all have written of a checkpoint is brought to the first machine, and what all are to read is handed out from it:
only the first machine keeps checkpoints, and only it needs a place for them.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import distributed as dist

from rewardtrain.core.model.team import Team

PIECE = 2**26  # bytes that are in memory at once


def told_apart(team: Team, folder: Path) -> Team:
    """Finds out which processes see another folder under this name than the first does. All of the team take part."""
    if team.size == 1:
        return team
    mark = folder / f".seen-{team.from_first(secrets.token_hex)}"
    team.from_first(mark.touch)
    local = int(os.environ.get("LOCAL_RANK", team.rank))
    seen: list[tuple[int, bool]] = [(0, True)] * team.size
    dist.all_gather_object(seen, (local, mark.exists()))
    team.from_first(mark.unlink)
    return replace(team, firsts=(0, *(rank for rank, (local, here) in enumerate(seen) if not here and local == 0)))


def bring_to_first(team: Team, folder: Path) -> None:
    """Moves what this folder has on other machines into the first one's. All of the team take part."""
    for other in team.firsts[1:]:
        if team.rank == other:
            _send(team, folder, to=0)
            shutil.rmtree(folder)
        elif team.is_first:
            _receive(team, folder, other)


def hand_out(team: Team, folder: Path) -> None:
    """Copies the first machine's folder to the others. All of the team take part, and go on when it is there."""
    for other in team.firsts[1:]:
        if team.is_first:
            _send(team, folder, to=other)
        elif team.rank == other:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _receive(team, folder, 0)
    if len(team.firsts) > 1:
        team.any(False)


def forget_copies(team: Team, root: Path) -> None:
    """Deletes on the other machines what was handed out of this folder, and what a save broke off in."""
    if team.rank in team.firsts[1:]:
        with suppress(FileNotFoundError):
            for path in root.iterdir():
                shutil.rmtree(path, ignore_errors=True)


def _send(team: Team, folder: Path, *, to: int) -> None:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    device = torch.device(team.device)
    dist.send_object_list([[(path.name, path.stat().st_size) for path in paths]], dst=to, device=device)
    for path in paths:
        with path.open("rb") as file:
            for size in _pieces(path.stat().st_size):
                piece = torch.frombuffer(bytearray(file.read(size)), dtype=torch.uint8)
                dist.send(piece.to(device), dst=to)


def _receive(team: Team, folder: Path, source: int) -> None:
    device = torch.device(team.device)
    told: list[list[tuple[str, int]]] = [[]]
    dist.recv_object_list(told, src=source, device=device)
    for name, length in told[0]:
        with (folder / name).open("wb") as file:
            for size in _pieces(length):
                piece = torch.empty(size, dtype=torch.uint8, device=device)
                dist.recv(piece, src=source)
                file.write(piece.cpu().numpy().data)


def _pieces(length: int) -> Iterator[int]:
    """Splits a file's length."""
    yield from [PIECE] * (length // PIECE)
    if length % PIECE:
        yield length % PIECE
