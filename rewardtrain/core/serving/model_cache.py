"""The models in memory: each project's champion, and others for as long as there is room."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rewardtrain.core.artifact.folder import require_model
from rewardtrain.core.device import Device
from rewardtrain.core.errors import ConfigError, CoreError
from rewardtrain.core.score import Scorer

RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class Ref:
    """A finished model as those who ask name it."""

    project: str
    version: int
    folder: Path


@dataclass(frozen=True)
class Failure:
    """Why a champion could not be loaded."""

    why: str
    when: float  # time.monotonic()

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self.when > RETRY_SECONDS


class NoModelError(CoreError):
    """The project has no champion, or no model of that version."""


class NotYetError(CoreError):
    """The service has just been started."""


Find = Callable[[str, int | None], Ref | None]
Fetch = Callable[[Ref], None]
Tell = Callable[[str], None]


class ModelCache:
    """Its methods may be called from several threads. Loading takes seconds, and nobody waits for another's model."""

    def __init__(
        self,
        device: Device,
        *,
        room: int,
        find: Find,
        fetch: Fetch = lambda ref: None,
        tell: Tell = lambda line: None,
    ) -> None:
        """room: how many models stay in memory; heads on one backbone count once. Champions beyond it are loaded when
        they are asked for. find: a project's model of a version, or its champion. fetch: has a model's folder there
        before it is read. tell: gets the operator's lines.
        """
        self._device, self._room, self._find, self._fetch, self._tell = device, room, find, fetch, tell
        self._lock = threading.Lock()
        self._loading: dict[Ref, threading.Lock] = {}
        self._loaded: OrderedDict[Ref, Scorer] = OrderedDict()  # the last one that was used at the end
        self._champions: dict[str, Ref] = {}  # those that answer, which are in memory or were
        self._failed: dict[Ref, Failure] = {}
        self._started = False

    @property
    def started(self) -> bool:
        """Tells whether the champions have been looked up."""
        return self._started

    def champions(self) -> dict[str, Ref]:
        """Gives those that answer: the one before a new one that can't be loaded."""
        with self._lock:
            return dict(self._champions)

    def loaded(self) -> list[Ref]:
        with self._lock:
            return list(self._loaded)

    def knows(self, project: str) -> bool:
        """Tells whether it has answered for this project, or may."""
        with self._lock:
            return project in self._champions or any(ref.project == project for ref in self._loaded)

    def failures(self) -> dict[Ref, str]:
        """Names champions that could not be loaded, and why."""
        with self._lock:
            return {ref: failure.why for ref, failure in self._failed.items()}

    def get(self, project: str, version: int | None = None) -> tuple[Ref, Scorer]:
        """Gives the champion, or another version. Raises NoModelError, or what loading raises."""
        known = self._champions.get(project) if version is None else None
        ref = known or self._find(project, version)  # a first champion may be younger than the last look
        if ref is None and not self._started:
            raise NotYetError("the champions are being looked up; try again in some seconds")
        if ref is None:
            which = "no champion yet" if version is None else f"no model {version}"
            raise NoModelError(f"project {project!r} has {which}")
        return ref, self._load(ref)

    def set_champions(self, champions: Mapping[str, Ref]) -> None:
        """Makes these the champions. A new one answers as soon as it is in memory, and the one before it until then;
        so it does where the new one can't be loaded, which is told once and tried again after RETRY_SECONDS.
        """
        with self._lock:
            held = dict(self._champions)
            for project in self._champions.keys() - champions.keys():
                del self._champions[project]
            for project, ref in champions.items():
                self._champions.setdefault(project, ref)  # who asks before it is in memory waits for it
            self._started = True
            self._failed = {ref: why for ref, why in self._failed.items() if ref in champions.values()}
        for project, ref in champions.items():
            before = held.get(project)
            failed = self._failed.get(ref)
            if failed.is_old if failed else before != ref:
                self._follow(project, before, ref)

    def _follow(self, project: str, before: Ref | None, ref: Ref) -> None:
        try:
            if before in self._loaded or self._backbones() < self._room:
                self._load(ref)
        except Exception as error:  # a file that is gone, memory that is full: the others must not wait for it
            self._note_failure(project, before, ref, f"{error}" or type(error).__name__)
            return
        with self._lock:
            self._failed.pop(ref, None)
            self._champions[project] = ref
            if before and before != ref:
                self._loaded.pop(before, None)
        after = f", after model {before.version}" if before and before != ref else ""
        self._tell(f"model {ref.version} of {project} answers{after}")

    def _note_failure(self, project: str, before: Ref | None, ref: Ref, why: str) -> None:
        known = self._failed.get(ref)
        if known is None or known.why != why:
            instead = f"; model {before.version} goes on answering" if before and before != ref else ""
            self._tell(f"model {ref.version} of {project} can't be loaded: {why}{instead}")
        with self._lock:
            self._failed[ref] = Failure(why, time.monotonic())

    def _load(self, ref: Ref) -> Scorer:
        with self._lock:
            if ref in self._loaded:
                self._loaded.move_to_end(ref)
                return self._loaded[ref]
            turn = self._loading.setdefault(ref, threading.Lock())
        with turn:
            with self._lock:
                if ref in self._loaded:
                    return self._loaded[ref]
                others = list(self._loaded.values())
            scorer = self._read(ref, others)
            with self._lock:
                self._loading.pop(ref, None)
                self._loaded[ref] = scorer
                self._make_room()
            return scorer

    def _read(self, ref: Ref, others: list[Scorer]) -> Scorer:
        """Reads a model on a backbone that is in memory already, where there is one. Raises CoreError, which those who
        ask read: it names the model and not where on the server it lies."""
        try:
            self._fetch(ref)
            for other in others:
                if other.folder.is_dir() and other.same_backbone(ref.folder):
                    return other.following(ref.folder)
            return Scorer(ref.folder, self._device)
        except CoreError as error:
            raise CoreError(str(error).replace(str(ref.folder), f"model {ref.version}")) from error

    def _make_room(self) -> None:
        while self._backbones() > self._room:
            self._loaded.popitem(last=False)

    def _backbones(self) -> int:
        kept: list[Scorer] = []
        for scorer in list(self._loaded.values()):
            if not any(scorer.shares_backbone(other) for other in kept):
                kept.append(scorer)
        return len(kept)


def named_folders(arguments: Sequence[str]) -> dict[str, Ref]:
    """Reads NAME=FOLDER, as a command line gives them. Raises ConfigError."""
    refs = {}
    for argument in arguments:
        name, equals, folder = argument.partition("=")
        if not (name and equals and folder):
            raise ConfigError(f"{argument!r} is no NAME=MODEL; give a name and the folder of a finished model")
        if "@" in name or "/" in name:  # an address could not tell it from a version of another
            raise ConfigError(f"the name {name!r} has a slash or an @; give one without")
        require_model(Path(folder))
        refs[name] = Ref(name, 1, Path(folder))
    return refs
