"""Best-of-N: an upload that is checked whole, put in order by the model, and what the page and the file say of it."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from jobs import lifecycle
from labeling.data.importing.upload_lines import lines_of
from labeling.errors import Conflict, Invalid
from labeling.models import Project, Role, User
from rewardtrain import tasks
from rewardtrain.automatic import best_of
from rewardtrain.models import BestOfJob, CandidateRow
from rewardtrain.registry import champions
from rewardtrain.scoring import chunked_job
from rewardtrain.training import runs, worker
from rewardtrain.training.policy import get_policy, update_policy
from tests.core.tiny.backbones import BAD, GOOD
from tests.factories import join, make_project, make_user
from tests.labeling.api.client import as_user, bytes_of, errors_of, post_lines
from tests.rewardtrain.conftest import make_best_of, make_model, make_report, rank_prompts
from tests.rewardtrain.test_views import client_of, page
from tests.threads import waits

pytestmark = pytest.mark.django_db
UPLOADS = "/api/v1/projects/helpful/best-of/"
ROW = {"id": "q", "prompt": "Which?", "completions": [{"id": "a", "text": "This."}, {"id": "b", "text": "That."}]}


@pytest.fixture
def project(transactional_db: None) -> Project:
    project = make_project(manager=make_user("manager"), slug="helpful")
    rank_prompts(project, train=2, test=1, validation=1)
    champions.promote(make_model(project, make_report()), by=None, reason="the first")
    return project


@pytest.fixture
def people(project: Project) -> dict[str, User | None]:
    return {
        "manager": project.created_by,
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_project().created_by,
        "nobody": None,
        "administrator": make_user(superuser=True),
    }


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(project.created_by)


@pytest.fixture
def manager(project: Project) -> Client:
    return client_of(project.created_by)


def changed(**changes: Any) -> bytes:
    return json.dumps({**ROW, **changes}).encode()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "line 2: line: not valid JSON"),
        (b"\xff", "line 2: line: not UTF-8 at byte 0"),
        (b"[1]", r"line 2: line: each line must be a JSON object \(got \[1\]\)"),
        (changed(id="one", completions=[{"text": "alone"}]), "line 2: completions: must be a list of 2 to 256"),
        (changed(id="one", completions=[{"text": "x"}] * 257), "line 2: completions: must be a list of 2 to 256"),
        (changed(id="one", completions=["x", "y"]), r'line 2: completions\[0\]: must be {"id", "text"} \(got "x"\)'),
        (changed(id="one", completions=[{"text": "x"}, {"text": " "}]), r'completions\[1\].text: .* \(got " "\)'),
        (changed(id="one", prompt=[]), r"line 2: prompt: must be a text or a list of .* \(got \[\]\)"),
        (changed(), "line 2: id: is line 1's too: ids are unique in the file"),
        (changed(id="x" * 201), "line 2: id: is 201 characters long, 200 at most"),
        (changed(id="one", prompt="a\x00b"), "line 2: prompt: has a NUL character, which PostgreSQL can't store"),
        (changed(id="one", prompt="a\ud800b"), "line 2: prompt: has half a surrogate pair: repair the encoding"),
        (changed(id="\ud800"), "line 2: id: has half a surrogate pair"),
        (changed(id="one").replace(b"That.", b"T\\u0000"), r"line 2: completions\[1\].text: has a NUL character"),
        (
            changed(id="one").replace(b'"prompt"', b'"id": "two", "prompt"'),
            "line 2: id: this key stands twice in one object",
        ),
        (b"[" * 100_000, "line 2: line: not valid JSON .*nested too deep"),
        (changed(id="one", prompt=[{"role": "user", "content": "x", "reward": float("nan")}]), "NaN is not JSON"),
    ],
)
def test_a_bad_line_refuses_the_upload_and_is_named(project: Project, line: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        best_of.request(project, [changed(), line])
    assert not BestOfJob.objects.exists()
    assert not CandidateRow.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (changed() + b"\n" + b"x" * 17 * 2**20, "Line 2 is longer than 16 MiB"),
        (changed().decode().encode("utf-16"), "The file is in UTF-16: save it as UTF-8."),
        (b"\x1f\x8b\x08\x00", "The file is packed with gzip: unpack it first."),
    ],
)
def test_a_file_that_can_not_be_read_is_refused_whole_on_page_and_api(
    project: Project, manager: Client, client: APIClient, body: bytes, said: str
) -> None:
    address = reverse("best_of", args=[project.slug])
    assert said in manager.post(address, {"file": SimpleUploadedFile("rows.jsonl", body)}).content.decode()
    response = client.generic("POST", UPLOADS, body, content_type="application/x-ndjson")
    assert (response.status_code, said in response.content.decode()) == (400, True)
    assert not BestOfJob.objects.exists()


def test_an_upload_without_a_line_is_refused(project: Project) -> None:
    with pytest.raises(Invalid, match="There is no line in it"):
        best_of.request(project, [b"\n", b"  "])


def test_an_upload_that_is_sent_slowly_holds_up_another_upload_alone(project: Project) -> None:
    second = make_model(project, make_report())

    def lines() -> Iterator[bytes]:
        yield changed(id="a")
        assert waits(lambda: best_of.request(project, [changed()]))
        assert not waits(lambda: update_policy(project, head_every_pairs=70))
        assert not waits(lambda: champions.promote(second, by=None, reason="meanwhile"))
        yield changed(id="b")

    assert best_of.request(project, lines()).total == 2
    assert get_policy(project).head_every_pairs == 70


def test_without_a_champion_nothing_is_taken() -> None:
    with pytest.raises(Conflict, match="no champion yet"):
        best_of.request(make_project(), [changed()])


def test_an_upload_is_no_part_of_the_project_s_prompts(project: Project) -> None:
    before = project.prompts.count()
    lines = lines_of(io.BytesIO(b"\xef\xbb\xbf" + b"\r\n".join((changed(prompt=r"[^\u0000]"), b"", changed(id="r")))))
    job = best_of.request(project, lines)
    assert (job.number, job.total, job.n_candidates, job.state) == (1, 2, 4, "queued")
    assert [row.place for row in job.rows.all()] == [1, 3]
    assert project.prompts.count() == before


def test_the_file_has_the_best_first_with_rank_and_uncertainty(project: Project) -> None:
    job = make_best_of(project, n_prompts=10, n=5)
    lines = [json.loads(line) for line in best_of.result(job)]
    assert [line["id"] for line in lines] == [f"q{number}" for number in range(10)]
    for line in lines:
        assert [each["rank"] for each in line["completions"]] == [1, 2, 3, 4, 5]
        rewards = [each["reward"] for each in line["completions"]]
        assert rewards == sorted(rewards, reverse=True)
        assert all(each["text"] == f"Answer {each['id'][1:]}" for each in line["completions"])
        top = line["completions"][0]["uncertainty"]
        assert line["uncertain_top"] == (top > job.report["doubts"]["limit"])
        assert line["model"] == 1


def score(job: BestOfJob, *unread: str) -> BestOfJob:
    """To its end, as a worker would whose service refuses the rows of these ids."""
    claimed = lifecycle.claim(BestOfJob, job.pk)
    assert claimed is not None
    read = {"rewards": [0.0, 1.0], "probabilities": [0.3, 0.7], "truncated": [False, False]}
    while chunk := best_of.next_chunk(claimed, 2):
        chunked_job.note(
            claimed, chunk, [{"error": "it's too long"} if name in unread else read for name in chunk.names]
        )
    chunked_job.finish(claimed, lambda: {"report": best_of.report(claimed)})
    job.refresh_from_db()
    return job


def test_a_prompt_that_can_not_be_read_is_named_and_the_others_are_put_in_order(
    project: Project, manager: Client, client: APIClient
) -> None:
    job = score(best_of.request(project, [changed(id=name) for name in "abcde"]), "b")
    assert (job.state, job.done, job.unread, job.error) == ("succeeded", 5, 1, "")
    lines = [json.loads(line) for line in best_of.result(job)]
    assert [line["id"] for line in lines] == list("abcde")
    assert [line.get("error") for line in lines] == [None, "it's too long", None, None, None]
    assert lines[1]["completions"] == ROW["completions"]
    assert lines[2]["completions"][0]["rank"] == 1
    assert job.report["gains"][0]["n_prompts"] == 4
    for name in ("best_of", "best_of_job"):
        shown = page(manager, project, name, *([1] if name == "best_of_job" else []))
        assert "1 text could not be read" in shown
        assert "<strong>b</strong>" in shown
    said = client.get(f"{UPLOADS}1/").json()
    assert (said["unread"], said["unread_rows"]) == (1, [{"row": "b", "error": "it's too long"}])


def test_an_upload_of_which_nothing_can_be_read_has_failed(project: Project) -> None:
    job = score(best_of.request(project, [changed(id=name) for name in "abc"]), *"abc")
    assert (job.state, job.unread) == ("failed", 3)
    assert job.error == "None of the 3 texts could be read. First a: it's too long"


def test_so_many_rows_are_named_and_the_rest_counted(project: Project) -> None:
    names = [f"q{number}" for number in range(30)]
    job = score(best_of.request(project, [changed(id=name) for name in names]), *names[1:])
    assert (job.state, job.unread, len(job.unread_rows)) == ("succeeded", 29, chunked_job.MOST_NAMED)


def test_a_job_that_has_not_ended_has_no_file(project: Project, manager: Client, client: APIClient) -> None:
    job = best_of.request(project, [changed()])
    with pytest.raises(Conflict, match="no result"):
        best_of.result(job)
    response = client.get(f"{UPLOADS}1/result/")
    assert (response.status_code, errors_of(response)) == (409, [("not_ready", None)])
    answer = manager.get(reverse("best_of_result", args=[project.slug, 1]), follow=True)
    assert "so there is no result" in answer.content.decode()


def test_a_model_without_an_ensemble_says_nothing_of_uncertainty(project: Project, manager: Client) -> None:
    job = best_of.request(project, [changed()])
    answer = {"rewards": [0.0, 1.0], "probabilities": [0.3, 0.7], "truncated": [False, False]}
    best_of.store(list(job.rows.all()), [answer])
    assert best_of.report(job)["doubts"] is None
    BestOfJob.objects.update(state="succeeded", done=1, report=best_of.report(job))
    assert "no ensemble of heads" in page(manager, project, "best_of_job", 1)


def test_the_page_shows_gain_interval_and_doubts(project: Project, manager: Client) -> None:
    make_best_of(project)
    shown = page(manager, project, "best_of_job", 1)
    assert "The best of 16 has a reward" in shown
    assert "n = 40 prompts; one candidate: 0" in shown
    assert "of 40 tops are among the tenth of candidates" in shown
    assert "Gao et al. 2022" in shown


def test_the_page_takes_a_file_and_shows_how_far_it_is(project: Project, manager: Client) -> None:
    address = reverse("best_of", args=[project.slug])
    refused = manager.post(address, {"file": SimpleUploadedFile("a.jsonl", b"[1]\n")})
    assert "line 1: line: each line must be a JSON object (got [1])" in refused.content.decode()
    answer = manager.post(address, {"file": SimpleUploadedFile("a.jsonl", changed())})
    assert answer["Location"] == reverse("best_of_job", args=[project.slug, 1])
    job = lifecycle.claim(BestOfJob, BestOfJob.objects.get().pk)
    assert job is not None
    assert "0 of 1" in page(manager, project, "best_of_job", 1, hx_request="true")
    manager.post(reverse("best_of_cancel", args=[project.slug, 1]))
    assert lifecycle.heartbeat(job), "the worker hears of it"
    lifecycle.end(job, "cancelled")
    assert manager.get(answer["Location"], headers={"hx-request": "true"}).headers["HX-Refresh"] == "true"
    assert "Best of N 1" in page(manager, project, "best_of")


def test_the_api_takes_lines_and_gives_them_back(project: Project, client: APIClient) -> None:
    response = post_lines(client, UPLOADS, [changed()])
    assert response.status_code == 202
    job = response.json()
    assert (job["id"], job["state"], job["total"], job["n_candidates"], job["report"]) == (1, "queued", 1, 2, None)
    assert client.get(UPLOADS).json()["results"] == [job]
    refused = post_lines(client, UPLOADS, [b"[1]\n"])
    assert (refused.status_code, errors_of(refused)) == (400, [("bad_line", "file")])
    assert client.post(f"{UPLOADS}1/cancel/").json()["state"] == "cancelled"
    again = client.post(f"{UPLOADS}1/cancel/")
    assert (again.status_code, errors_of(again)) == (409, [("job_ended", None)])
    make_best_of(project, n_prompts=3, n=4)
    assert len(client.get(f"{UPLOADS}2/").json()["report"]["gains"]) == 4
    answer = client.get(f"{UPLOADS}2/result/")
    assert answer["Content-Disposition"] == 'attachment; filename="helpful-best-of-2.jsonl"'
    assert len(bytes_of(answer).splitlines()) == 3


@pytest.mark.parametrize(
    "change", [{"prompt": "a\x00b"}, {"id": "\ud800"}, {"completions": []}, {"a\x00": 1}, {"prompt": [{"\ud800": 1}]}]
)
def test_rows_as_json_are_refused_in_the_words_of_lines(project: Project, client: APIClient, change: Any) -> None:
    line = changed(**change)
    as_line = post_lines(client, UPLOADS, [line])
    as_json = client.generic("POST", UPLOADS, b"[" + line + b"]", content_type="application/json")
    assert as_line.status_code == as_json.status_code == (202 if "a\x00" in change else 400)
    if as_json.status_code == 400:
        assert as_line.json() == as_json.json()
        assert errors_of(as_json) == [("bad_line", "file")]


def test_the_doors_are_for_managers(project: Project, people: dict[str, User | None]) -> None:
    make_best_of(project, n_prompts=2, n=2)
    expected = {"manager": 200, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401, "administrator": 200}
    for url in (UPLOADS, f"{UPLOADS}1/", f"{UPLOADS}1/result/"):
        assert {who: as_user(user).get(url).status_code for who, user in people.items()} == expected
    for who, status in expected.items():
        if status != 200:
            assert post_lines(as_user(people[who]), UPLOADS, [changed()]).status_code == status
            assert as_user(people[who]).post(f"{UPLOADS}1/cancel/").status_code == status
    assert BestOfJob.objects.count() == 1


def test_the_real_model_puts_candidates_in_order(
    transactional_db: None, tiny_training: dict[str, object], look_up: Callable[[], None]
) -> None:
    project = make_project(slug="real")
    rank_prompts(project)
    worker.work(runs.request_run(project, training={**tiny_training, "epochs": 6}).pk)
    texts = [f"{BAD} {BAD} {BAD}", f"{GOOD} {GOOD} {GOOD}", f"{GOOD} {BAD} {BAD}"]
    row = {"id": "q", "prompt": "ba de?", "completions": [{"text": text} for text in texts]}
    job = best_of.request(project, [json.dumps(row).encode()])
    tasks.choose(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error, job.done) == ("succeeded", "", 1)
    [line] = [json.loads(line) for line in best_of.result(job)]
    assert [each["id"] for each in line["completions"]] == ["1", "2", "0"]
    assert [gain["n"] for gain in job.report["gains"]] == [1, 2, 3]
    assert job.report["gains"][2]["value"] > job.report["gains"][1]["value"] > 0
