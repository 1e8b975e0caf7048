"""The scoring service of a whole Podium: its champions and its callers' tokens come from the database.

Only `manage.py serve_rewards` imports this; it loads torch.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, connections
from psycopg_pool import PoolTimeout
from rest_framework.exceptions import AuthenticationFailed

from labeling.api.rest.auth import TokenAuthentication
from labeling.models import Project, Role, User
from labeling.people import access
from rewardtrain.core.device import Device, choose_device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.quiet import quiet_libraries
from rewardtrain.core.serving.app import Service
from rewardtrain.core.serving.batcher import Batcher
from rewardtrain.core.serving.foreign.agreement import Foreign
from rewardtrain.core.serving.foreign.server import parse_addresses
from rewardtrain.core.serving.model_cache import ModelCache, Ref
from rewardtrain.core.serving.problems import Refused
from rewardtrain.core.serving.server import Server
from rewardtrain.models import RewardModel
from rewardtrain.registry.model_files import model_folder, place_of
from rewardtrain.scoring import service_client

LOOK_SECONDS = 1.0
TRUST_SECONDS = 10.0  # a verdict on a token; a training loop asks hundreds of times a second
TRUST_WITHOUT_DATABASE_SECONDS = 600.0
UNREACHABLE = (DatabaseError, InterfaceError, PoolTimeout)

logger = logging.getLogger(__name__)


def serve(*, host: str, port: int) -> None:
    """Serves until the process is told to end."""
    quiet_libraries()
    device = choose_device(settings.REWARDS_THREADS, dtype=settings.REWARDS_DTYPE)
    models = make_model_cache(device)
    watcher = Watcher(models)

    def ready(port: int) -> None:
        logger.info("rewards at http://%s:%s on %s in %s", host, port, device.label, device.dtype_name)
        watcher.start()

    batcher, addresses = Batcher(), parse_addresses(settings.REWARDS_SERVERS)
    foreign = {project: Foreign(address, batcher, tell=logger.info) for project, address in addresses.items()}
    service = Service(models, batcher, Tokens(), foreign=foreign)
    app, seconds = service.app(), settings.REWARDS_DRAIN
    server = Server(app, host=host, port=port, ready=ready, drain=service.drain, drain_seconds=seconds)
    server.run()
    watcher.end()


def make_model_cache(device: Device) -> ModelCache:
    return ModelCache(device, room=settings.REWARDS_ROOM, find=find, fetch=fetch, tell=logger.info)


def find(project: str, version: int | None) -> Ref | None:
    """Finds the model of a version; None is the champion."""
    wanted = {"champion": True} if version is None else {"version": version}
    with database():
        models = RewardModel.objects.select_related("project").filter(project__slug=project, **wanted)
        return next(map(ref_of, models), None)


def champions() -> dict[str, Ref]:
    with database():
        models = RewardModel.objects.select_related("project").filter(champion=True).order_by("pk")
        return {model.project.slug: ref_of(model) for model in models}


@dataclass(frozen=True)
class Kept(Ref):
    """A model by its row."""

    model: RewardModel = field(compare=False)


def ref_of(model: RewardModel) -> Ref:
    return Kept(model.project.slug, model.version, place_of(model), model)


def fetch(ref: Ref) -> None:
    """Brings the model's folder onto this machine, where it is kept elsewhere. Raises ConfigError."""
    assert isinstance(ref, Kept)
    try:
        model_folder(ref.model)
    except OSError as error:
        raise ConfigError(f"model {ref.version} can't be fetched: {error}") from error


@contextmanager
def database() -> Iterator[None]:
    """Does what the threads of a server need: none keeps its connection."""
    try:
        yield
    finally:
        connections.close_all()


class Watcher:
    """Looks every second who is champion."""

    def __init__(self, models: ModelCache) -> None:
        self._models = models
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="champions", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()

    def _watch(self) -> None:
        reachable = True
        while not self._ended.is_set():
            try:
                self._models.set_champions(champions())
                reachable = True
            except UNREACHABLE as error:
                if reachable:
                    logger.warning("the database can't be reached (%s): the models in memory go on answering", error)
                reachable = False
            except Exception:
                logger.exception("the champions could not be looked up; trying again")
            self._ended.wait(LOOK_SECONDS)


class Tokens:
    """Whether a credential opens a project: a manager's token, or what the web process sends."""

    def __init__(self) -> None:
        self._trusted: dict[tuple[str, str | None], float] = {}  # until when, by the token's hash and project

    def __call__(self, credential: str | None, project: str | None) -> None:
        """Raises Refused. project None is the service itself, which administrators may ask."""
        if credential is None:
            remedy = "Send a manager's token: Authorization: Bearer TOKEN, or http://x:TOKEN@host/ as the address."
            raise Refused(401, "not_authenticated", remedy)
        if hmac.compare_digest(credential.encode(), service_client.credential().encode()):
            return
        key = (hashlib.sha256(credential.encode()).hexdigest(), project)
        now = time.monotonic()
        trusted_until = self._trusted.get(key, -math.inf)
        if trusted_until > now:
            return
        try:
            with database():
                check(credential, project)
        except UNREACHABLE as error:
            if trusted_until + TRUST_WITHOUT_DATABASE_SECONDS > now:
                return
            raise Refused(503, "no_database", "The database that knows the tokens can't be reached.") from error
        except Refused:
            self._trusted.pop(key, None)
            raise
        self._trust(key, now)

    def _trust(self, key: tuple[str, str | None], now: float) -> None:
        oldest = now - TRUST_WITHOUT_DATABASE_SECONDS
        self._trusted = {key: until for key, until in self._trusted.items() if until > oldest}
        self._trusted[key] = now + TRUST_SECONDS


def check(credential: str, project: str | None) -> None:
    """Raises Refused."""
    try:
        user: User = TokenAuthentication().authenticate_credentials(credential.encode())[0]
    except AuthenticationFailed as error:
        raise Refused(401, "authentication_failed", str(error.detail)) from error
    if project is None:
        if not access.is_administrator(user):
            raise Refused(403, "permission_denied", "This is for administrators.")
        return
    try:
        access.get_project(user, project, at_least=Role.MANAGER)
    except Project.DoesNotExist as error:
        raise Refused(404, "not_found", "There is no such project that you can see.") from error
    except PermissionDenied as error:
        raise Refused(403, "permission_denied", str(error)) from error
