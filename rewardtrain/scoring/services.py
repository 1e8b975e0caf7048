"""What the scoring services say of a project's champion: whether they have it, and who computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.models import Project
from rewardtrain.models import RewardModel
from rewardtrain.registry import champions
from rewardtrain.scoring import service_client

TITLES = {"vllm": "vLLM", "tei": "Text Embeddings Inference"}
SECONDS = 1.0  # for whoever looks at a page holds a turn of those who label


class State(models.TextChoices):
    ANSWERS = "answers", _("answers")
    READS = "reads", _("reads the champion")
    FAILED = "failed", _("can't load the champion")
    AWAY = "away", _("doesn't answer")


@dataclass(frozen=True)
class Server:
    """Somebody else's, which is to compute the champion; `why` it isn't asked, else empty."""

    kind: str
    url: str
    asked: bool
    why: str

    @property
    def title(self) -> str:
        return TITLES.get(self.kind, self.kind)


@dataclass(frozen=True)
class Service:
    """One address of PODIUM_REWARDS_URL. error: in the service's words, as are those of its server."""

    address: str
    state: State
    error: str = ""
    server: Server | None = None


@dataclass(frozen=True)
class Told:
    champion: RewardModel
    services: list[Service]

    @property
    def answering(self) -> int:
        return sum(each.state == State.ANSWERS for each in self.services)


def told(project: Project) -> Told | None:
    """Asks every service once; None of a project without a champion, of which they have nothing to say."""
    champion = champions.champion(project)
    if champion is None:
        return None
    said = service_client.tell(project.slug, timeout=SECONDS)
    return Told(champion, [_service(address, answer, project.slug, champion.version) for address, answer in said])


def _service(address: str, answer: dict[str, Any] | None, project: str, version: int) -> Service:
    if answer is None:
        return Service(address, State.AWAY)
    try:
        # One that was not updated yet tells of all projects.
        row = next((each for each in answer["champions"] if each["project"] == project), None)
        if row is None or row["version"] != version:
            return Service(address, State.READS)  # it looks for a new one each second
        server = Server(**{**row["server"], "why": row["server"]["why"] or ""}) if "server" in row else None
        if row["error"]:
            return Service(address, State.FAILED, str(row["error"]), server)
        return Service(address, State.ANSWERS if row["in_memory"] else State.READS, server=server)
    except (LookupError, TypeError):  # another program's words
        return Service(address, State.AWAY)
