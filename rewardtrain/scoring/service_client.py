"""Scores by a project's models, asked of the scoring service, and reports on any file.

The service is a process of its own (`manage.py serve_rewards`), because this one never loads torch.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from artifacts.errors import StorageAway
from jobs import child
from jobs.parent_death import dies_with_parent
from labeling.errors import Conflict, Invalid, PodiumError
from labeling.models import Project
from rewardtrain.core.serving.protocols import MOST_COMPLETIONS
from rewardtrain.core_command import BAD_INPUT, core
from rewardtrain.models import RewardModel
from rewardtrain.registry import champions
from rewardtrain.registry.model_files import is_there, model_folder, place_of
from rewardtrain.scoring.addresses import Turns

SECONDS = 60.0
ELSEWHERE = ("starting", "busy", "failed", "no_database")  # codes of a 503: another service may answer
Answer = dict[str, Any]


class Unavailable(PodiumError):
    """The model can't be reached right now; the same again may work."""


def score(
    project: Project,
    prompt: object,
    completions: Sequence[str],
    *,
    version: int | None = None,
    raw: bool = False,
    pairwise: bool = False,
    timeout: float = SECONDS,
) -> Answer:
    """Gives what rewardtrain.core.score.Scorer.answer tells of one prompt's completions, by the champion or another
    version.

    prompt: a text or a list of messages. The answer holds the version under "model". Raises Conflict('no_champion',
    'no_model'), Invalid('bad_request'), Unavailable('down', 'timeout', 'busy', 'failed').
    """
    model = wanted_model(project, version)
    body = {"prompt": prompt, "completions": completions, "raw": raw, "pairwise": pairwise}
    # The champion is asked for by that name, so that a new one that can't be loaded leaves the one before it answering.
    answer = ask(model, "score", body | ({"model": version} if version else {}), timeout=timeout)
    return answer | _decided(project, answer)


def _decided(project: Project, answer: Answer) -> Answer:
    """Says which texts a classifier with a threshold calls positive."""
    chances = answer.get("class_probabilities")
    if chances is None:
        return {}
    answered = RewardModel.objects.filter(project=project, version=answer["model"]).first()
    if answered is None or answered.threshold is None:
        return {}
    return {"threshold": answered.threshold, "positive": [chance >= answered.threshold for chance in chances]}


def score_many(model: RewardModel, rows: Sequence[Mapping[str, Any]], *, timeout: float = SECONDS) -> list[Answer]:
    """Gives an answer to each {"prompt", "completions"}, in their order, by one model; timeout is of each request.

    Of a row that the model can't read {"error": why}. Raises Conflict and Unavailable as score.
    """
    return [answer for some in _requests(rows) for answer in _answers(model, some, timeout=timeout)]


def _answers(model: RewardModel, rows: Sequence[Mapping[str, Any]], *, timeout: float) -> list[Answer]:
    """What the service refuses is asked again in halves, down to the rows at fault, so that the others are scored."""
    try:
        answers: list[Answer] = ask(model, "rows", {"rows": rows, "model": model.version}, timeout=timeout)["rows"]
        return answers
    except Invalid as error:
        if len(rows) == 1:
            return [{"error": error.detail.removeprefix("rows[0]: ")}]
    middle = len(rows) // 2
    halves = (rows[:middle], rows[middle:])
    return [answer for half in halves for answer in _answers(model, half, timeout=timeout)]


def _requests(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Puts as many rows together as the service takes."""
    some: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        size += len(row["completions"])
        if some and size > MOST_COMPLETIONS:
            yield some
            some, size = [], len(row["completions"])
        some.append(row)
    if some:
        yield some


def tokens(
    project: Project, prompt: object, completion: str, *, version: int | None = None, timeout: float = SECONDS
) -> Answer:
    """Tells which tokens the completion's reward came from: what rewardtrain.core.score.Scorer.tokens tells, and
    "model".

    Raises as score.
    """
    model = wanted_model(project, version)
    body = {"prompt": prompt, "completion": completion}
    return ask(model, "tokens", body | ({"model": version} if version else {}), timeout=timeout)


def wanted_model(project: Project, version: int | None) -> RewardModel:
    """Raises Conflict('no_champion', 'no_model')."""
    if version is not None:
        model = RewardModel.objects.filter(project=project, version=version).first()
        if model is None:
            raise Conflict("no_model", _("The project has no model %(version)s.") % {"version": version})
        return model
    return champions.needed_champion(project)


# --- The service ------------------------------------------------------------------------------------------------------


def ask(model: RewardModel, what: str, body: Mapping[str, Any], *, timeout: float) -> Answer:
    """Sends one request to the service about the model's project."""
    response = send(f"/{model.project.slug}/{what}", body, timeout=timeout)
    try:
        answer: Answer = response.json()
        if response.status == 200:
            return answer
        error = answer["errors"][0]
    except (ValueError, LookupError, TypeError):  # a balancer's page, with no service behind it
        raise _down() from None
    if response.status == 503 and not _is_there(model):
        message = _(
            "Model %(version)s is not in %(folder)s any more; restore it from a backup, or promote another model."
        )
        raise Unavailable("failed", message % {"version": model.version, "folder": place_of(model)})
    kind = {400: Invalid, 413: Invalid, 409: Conflict}.get(response.status, Unavailable)
    raise kind(error["code"], error["detail"])


def _is_there(model: RewardModel) -> bool:
    try:
        return is_there(model)
    except StorageAway:  # the service has said so itself
        return True


def send(path: str, body: Mapping[str, Any], *, timeout: float) -> urllib3.BaseHTTPResponse:
    """Asks one of the services, and the next where that one can't answer: to ask twice does no harm. Raises
    Unavailable('down', 'timeout')."""
    response, down = None, None
    for address in _turns().order(settings.REWARDS_URL.split(",")):
        try:
            response = _send(address + path, body, timeout=timeout)
        except Unavailable as error:
            if error.code != "down":
                raise
            down = error
            _turns().note(address, away=True)
            continue
        if response.status not in (502, 503, 504) or not _may_answer_elsewhere(response):
            _turns().note(address, away=False)
            return response
    if response is not None:
        return response
    assert down is not None
    raise down


def _may_answer_elsewhere(response: urllib3.BaseHTTPResponse) -> bool:
    try:
        return response.json()["errors"][0]["code"] in ELSEWHERE
    except (ValueError, LookupError, TypeError):
        return True  # a balancer's words


def _send(url: str, body: Mapping[str, Any], *, timeout: float) -> urllib3.BaseHTTPResponse:
    """Raises Unavailable('down', 'timeout')."""
    headers = {"Authorization": f"Bearer {credential()}"}
    try:
        return _connections().request(
            "POST",
            url,
            json=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=min(timeout, 3.0), read=timeout),
            # A kept connection may have died with a service that was started again; to ask twice does no harm.
            retries=urllib3.Retry(total=1, connect=0, read=0, other=1, redirect=0, raise_on_status=False),
        )
    except (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.MaxRetryError) as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
            message = _("No answer within %(seconds).0f s. Send fewer or shorter completions.")
            raise Unavailable("timeout", message % {"seconds": timeout}) from error
        raise _down() from error
    except urllib3.exceptions.HTTPError as error:
        raise _down() from error


def _down() -> Unavailable:
    message = _(
        "The scoring service at %(url)s doesn't answer. If it was just started it needs some seconds; else start it: "
        "manage.py serve_rewards."
    )
    return Unavailable("down", message % {"url": settings.REWARDS_URL})


def tell(project: str, *, timeout: float) -> Iterator[tuple[str, Answer | None]]:
    """Asks all services at once what they have of a project, and gives the address of each with what it says.

    None of one that doesn't answer, or didn't just now. Those that a balancer stands before are one address.
    """
    addresses = settings.REWARDS_URL.split(",")
    with ThreadPoolExecutor(len(addresses)) as pool:
        yield from zip(addresses, pool.map(lambda each: _told(each, project, timeout), addresses), strict=True)


def _told(address: str, project: str, timeout: float) -> Answer | None:
    if _turns().is_away(address):
        return None
    url, headers = f"{address}/models?{urlencode({'project': project})}", {"Authorization": f"Bearer {credential()}"}
    try:
        limit = urllib3.Timeout(total=timeout)
        response = _connections().request("GET", url, headers=headers, timeout=limit, retries=False)
        if response.status == 200:
            answer = response.json()
            return answer if isinstance(answer, dict) else None
    except (urllib3.exceptions.HTTPError, ValueError):
        pass
    _turns().note(address, away=True)
    return None


@cache
def _connections() -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=16, maxsize=8, block=False)


@cache
def _turns() -> Turns:
    return Turns()


def credential() -> str:
    """Gives what this Podium's own processes send to the service: it follows from the secret key, which both have."""
    return salted_hmac("rewardtrain.scoring", "to the scoring service", algorithm="sha256").hexdigest()


# --- Reports ----------------------------------------------------------------------------------------------------------


def evaluate(model: RewardModel, data: Path) -> str:
    """Gives the report on a file in the import format with rankings, as text, by a process of its own: minutes.

    Raises Invalid, Unavailable.
    """
    done = subprocess.run(
        core("evaluate", model_folder(model), data, "--split", "all"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=settings.BASE_DIR,
        preexec_fn=dies_with_parent(signal.SIGKILL),
        check=False,
    )
    if done.returncode == 0:
        return done.stdout.decode()
    last_words = child.last_words(done.stderr, done.returncode)
    raise Invalid("bad_request", last_words) if done.returncode == BAD_INPUT else Unavailable("failed", last_words)
