"""The pages, tried by the manager (owner), a reviewer and a labeler (colleagues), a stranger and nobody."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from labeling.models import Project, Role, User
from rewardtrain.models import RunPoint, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.training import policy, runs
from tests.factories import join, make_project, make_user
from tests.reports import draw_flag_report, draw_report
from tests.rewardtrain.conftest import (
    CHAMPION,
    COUNTS,
    make_auto_labels,
    make_best_of,
    make_model,
    make_report,
    make_run,
    make_version,
    rank_prompts,
)

pytestmark = pytest.mark.django_db

GET, POST = "get", "post"
DOORS = [
    (GET, "project_machine", []),
    (GET, "runs", []),
    (POST, "runs", []),
    (GET, "run", [1]),
    (POST, "run_cancel", [1]),
    (GET, "models", []),
    (GET, "model", [1]),
    (GET, "model_report", [1]),
    (GET, "model_download", [1]),
    (POST, "model_promote", [1]),
    (POST, "model_rollback", []),
    (POST, "policy", []),
    (GET, "threshold", [1]),
    (POST, "threshold", [1]),
    (GET, "auto_labels", []),
    (POST, "auto_labels", []),
    (POST, "auto_label_cancel", [1]),
    (GET, "best_of", []),
    (POST, "best_of", []),
    (GET, "best_of_job", [1]),
    (GET, "best_of_result", [1]),
    (POST, "best_of_cancel", [1]),
    (GET, "playground", []),
    (POST, "playground", []),
]


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(slug="helpful")
    rank_prompts(project)
    return project


@pytest.fixture
def manager(project: Project) -> Client:
    return client_of(project.memberships.get(role=Role.MANAGER).user)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(project: Project, name: str, *args: object) -> str:
    return reverse(name, args=[project.slug, *args])


def page(client: Client, project: Project, name: str, *args: object, **headers: Any) -> str:
    answer = client.get(url(project, name, *args), headers=headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(("method", "name", "args"), DOORS)
def test_every_door_knows_who_is_there(project: Project, method: str, name: str, args: list[int]) -> None:
    model = make_model(project)
    champions.promote(model, by=None, reason="to have one")
    make_auto_labels(model)
    make_best_of(project, n_prompts=2, n=2)
    address = url(project, name, *args)
    owner = project.memberships.get(role=Role.MANAGER).user
    statuses = {
        "labeler": getattr(client_of(join(project, Role.LABELER)), method)(address).status_code,
        "reviewer": getattr(client_of(join(project, Role.REVIEWER)), method)(address).status_code,
        "stranger": getattr(client_of(make_user()), method)(address).status_code,
        "manager elsewhere": getattr(client_of(make_project().created_by), method)(address).status_code,
    }
    assert statuses == {"labeler": 403, "reviewer": 403, "stranger": 404, "manager elsewhere": 404}
    nobody = getattr(Client(), method)(address)
    assert nobody.status_code == 302
    assert nobody["Location"].startswith(reverse("account_login"))
    assert getattr(client_of(owner), method)(address).status_code in (200, 302)
    assert getattr(client_of(make_user(superuser=True)), method)(address).status_code in (200, 302)


@pytest.mark.parametrize(("method", "name", "args"), [door for door in DOORS if door[0] == POST])
def test_nothing_is_changed_by_a_get(
    project: Project, manager: Client, method: str, name: str, args: list[int]
) -> None:
    make_model(project)
    manager.get(url(project, name, *args))
    assert TrainingRun.objects.count() == 1
    assert champions.champion(project) is None


@pytest.mark.parametrize("depth", ["head", "full"])
def test_retrain_now_starts_a_run_and_shows_it(project: Project, manager: Client, depth: str) -> None:
    answer = manager.post(url(project, "runs"), {"depth": depth}, follow=True)
    run = TrainingRun.objects.get()
    assert (run.depth, run.trigger, run.requested_by) == (depth, "manual", project.created_by)
    assert answer.redirect_chain == [(url(project, "run", 1), 302)]
    assert "A worker takes it as soon as one is free" in answer.content.decode()


def test_retraining_with_too_few_pairs_says_how_many_there_are() -> None:
    empty = make_project()
    answer = client_of(empty.created_by).post(url(empty, "runs"), {"depth": "head"}, follow=True)
    assert "0 pairs in the train split; a run needs 10" in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_a_second_run_is_refused_in_words(project: Project, manager: Client) -> None:
    make_run(project, state="running")
    answer = manager.post(url(project, "runs"), {"depth": "full"}, follow=True)
    assert "Run 1 is running; wait for its end, or cancel it." in answer.content.decode()


def test_a_button_stands_only_where_no_run_of_its_depth_is_active(project: Project, manager: Client) -> None:
    make_run(project, state="running")
    text = page(manager, project, "runs")
    assert "Retrain the head now" in text
    assert "Fine-tune now" not in text
    assert "Run 1 is running." in text


def test_runs_are_shown_by_depth(project: Project, manager: Client) -> None:
    make_run(project)
    make_run(project, depth="head")
    address = url(project, "runs")
    for asked, shown in {"head": ["2"], "full": ["1"], "": ["2", "1"], "unknown": ["2", "1"]}.items():
        text = manager.get(address, {"depth": asked}).content.decode()
        assert re.findall(rf'<th scope="row">\s*<a href="{address}(\d+)/"', text) == shown


def test_a_depth_that_is_none_is_refused(project: Project, manager: Client) -> None:
    answer = manager.post(url(project, "runs"), {"depth": "shallow"})
    assert (answer.status_code, answer.content) == (400, b"depth is one of head, full, none")
    assert not TrainingRun.objects.exists()


def test_a_running_run_shows_where_it_is_and_asks_again_every_two_seconds(project: Project, manager: Client) -> None:
    run = make_run(project, state="running", phase="training", done=12, total=40)
    RunPoint.objects.create(run=run, step=12, loss=0.61)
    whole = page(manager, project, "run", 1)
    assert 'hx-trigger="every 2s"' in whole
    assert "12 of 40" in whole
    assert 'value="12"' in whole
    assert "<loss-curve" in whole
    assert "0.6100" in whole
    part = page(manager, project, "run", 1, **{"HX-Request": "true"})
    assert part.startswith('<section class="card stack run-progress" id="run-progress"')
    assert "12 of 40" in part
    assert '"loss": [0.61]' in part
    assert "<html" not in part


def test_a_run_says_in_how_many_processes_it_trains(project: Project, manager: Client) -> None:
    """One alone says nothing, as a run of before that knew of none."""
    run = make_run(project, counts={**COUNTS, "processes": 4})
    assert "On CPU, 2 threads. In 4 processes, one such device each." in " ".join(
        page(manager, project, "run", 1).split()
    )
    for counts in (COUNTS, {**COUNTS, "processes": 1}):
        TrainingRun.objects.filter(pk=run.pk).update(counts=counts)
        assert "processes, one such device" not in page(manager, project, "run", 1)


def test_a_run_says_what_it_holds_of_the_devices_memory(project: Project, manager: Client) -> None:
    run = make_run(project, counts={**COUNTS, "needed_bytes": 31 * 10**9, "memory_bytes": 85 * 10**9})
    shown = " ".join(page(manager, project, "run", 1).split())
    assert "Weights, gradients and moments take 31.0 GB of its 85.0 GB; activations come on top." in shown
    TrainingRun.objects.filter(pk=run.pk).update(counts=COUNTS)  # of before it was reckoned
    assert "activations come on top" not in page(manager, project, "run", 1)


def test_when_the_run_has_ended_the_page_is_loaded_anew_once(project: Project, manager: Client) -> None:
    make_run(project)
    answer = manager.get(url(project, "run", 1), headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert "hx-trigger" not in page(manager, project, "run", 1)


@pytest.mark.parametrize(("name", "args"), [("run", [1]), ("project_machine", []), ("auto_labels", [])])
def test_a_part_of_a_page_that_nobody_is_logged_in_for_has_the_page_loaded_anew(
    project: Project, name: str, args: list[int]
) -> None:
    """Htmx would put the login page where the part was."""
    make_run(project, state="running")
    answer = Client().get(url(project, name, *args), headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"], answer.content) == (200, "true", b"")
    assert Client().get(url(project, name, *args))["Location"].startswith("/accounts/login/?next=")


def test_a_failed_run_says_why(project: Project, manager: Client) -> None:
    make_run(project, state="failed", error="backbone 'x/y' can't be loaded")
    assert "backbone &#x27;x/y&#x27; can&#x27;t be loaded" in page(manager, project, "run", 1)
    assert "can&#x27;t be loaded" in page(manager, project, "runs")


def test_an_attempt_that_failed_is_an_error_only_once_no_further_one_is_made(project: Project, manager: Client) -> None:
    run = make_run(project, state="running", error="the worker was lost", attempts=2)
    level = re.compile(r'<p class="notice" data-level="(\w+)" lang="en"> the worker was lost </p>')
    assert level.findall(page(manager, project, "run", run.number)) == ["warning"]
    TrainingRun.objects.update(state="failed")
    assert level.findall(page(manager, project, "run", run.number)) == ["error"]


def test_a_run_is_cancelled_by_its_button(project: Project, manager: Client) -> None:
    runs.request_run(project)
    assert "Cancel this run" in page(manager, project, "run", 1)
    manager.post(url(project, "run_cancel", 1))
    assert TrainingRun.objects.get().state == "cancelled"
    answer = manager.post(url(project, "run_cancel", 1), follow=True)
    assert "there is nothing to cancel" in answer.content.decode()


def test_no_accuracy_is_shown_without_its_interval_n_and_baseline(project: Project, manager: Client) -> None:
    model = make_model(project)
    champions.promote(model, by=None, reason="good")
    for name, args in (("models", []), ("model", [1]), ("project_machine", [])):
        text = page(manager, project, name, *args)
        assert "70 %</strong>" in text, name
        assert "(60 % to 80 %, n = 120 pairs of 20 prompts; longer wins " in text, name
        assert "eople with each other" in text or "People agree" in text, name
    for name, args in (("models", []), ("model", [1])):
        assert "0.600</strong>" in page(manager, project, name, *args)
        assert "ln 2 = 0.693" in page(manager, project, name, *args)


def test_a_models_page_tells_the_gates_reasons(project: Project, manager: Client) -> None:
    make_model(project, make_report(log_loss=0.75))
    text = page(manager, project, "model", 1)
    assert "not passed" in text
    rule = r'<li data-passed="(\w+)"> <span class="visually-hidden"> (.*?) </span> (.*?) </li>'
    loss, accuracy = re.findall(rule, text)
    assert loss[:2] == ("no", "Failed:")
    assert "is not below ln 2 = 0.6931" in loss[2]
    assert accuracy[:2] == ("yes", "Passed:")
    assert "is above chance" in accuracy[2]


def test_a_models_page_shows_its_evaluation_each_with_n_and_interval(project: Project, manager: Client) -> None:
    seen = draw_report(n_prompts=12)
    make_model(project, seen)
    text = page(manager, project, "model", 1)
    error, agree = seen["ece"], seen["people"]["agree"]
    low, high = (round(100 * agree[key]) for key in ("accuracy_low", "accuracy_high"))
    of = f"n = {seen['n_pairs']} pairs of 12 prompts"
    for words in (
        "Before calibration",
        f"calibration error {error['value']:.3f} ({error['low']:.3f} to {error['high']:.3f}, {of})",
        f"chosen, mean {seen['rewards']['chosen']['mean']:.2f}",
        f"({low} % to {high} %, n = {agree['n']} pairs of {agree['n_prompts']} prompts)",
        f"n = {seen['people']['n']} pairs of 12 prompts: a pair counts once",
        f'data-label="Prompts"> {seen["people"]["tied"]["n_prompts"]} </td>',
        seen["pairs_fingerprint"],
        f"{seen['temperature']:.4f}",
    ):
        assert words in text, words


def test_the_difference_to_the_champion_is_in_points(project: Project, manager: Client) -> None:
    make_model(project, make_report(champion=CHAMPION))
    text = page(manager, project, "model", 1)
    assert "+2 points" in text
    assert "\N{MINUS SIGN}3 to +7" in text


def test_a_model_without_a_pair_to_test_on_is_listed(project: Project, manager: Client) -> None:
    """Of a project that ranks too: flags alone train a classifier."""
    champions.promote(make_model(project, draw_flag_report(n=30)), by=None, reason="to have one", past_gate=True)
    for name, args in (("models", []), ("model", [1]), ("project_machine", [])):
        assert page(manager, project, name, *args)
    assert "not known: no pair to test on" in page(manager, project, "models")


def test_few_prompts_have_no_interval_and_the_page_says_so(project: Project, manager: Client) -> None:
    """Of all but shares: a bootstrap over three prompts is too narrow to be called one."""
    make_model(project, draw_report(n_prompts=3, champion_skill=0.3, flag="hateful"))
    champions.promote(project.reward_models.get(), by=None, reason="to have one", past_gate=True)
    for name, args in (("models", []), ("model", [1]), ("project_machine", []), ("run", [1]), ("threshold", [1])):
        text = page(manager, project, name, *args)
        assert "None" not in text, name
        if name in ("models", "model"):
            assert "(too few for an interval; ln 2 = 0.693)" in text, name


def test_flags_are_shown_where_the_model_knows_one(project: Project, manager: Client) -> None:
    seen = draw_report(n_prompts=12, flag="hateful")
    make_model(project, seen)
    make_model(project)
    text = page(manager, project, "model", 1)
    flags = seen["flags"]
    assert "The flag “hateful”" in text
    area = flags["roc_auc"]
    shares = [f"{round(100 * area[key])} %" for key in ("value", "low", "high")]
    of = f"n = {flags['n_votes']} labels of 12 texts"
    assert f'<strong>{shares[0]}</strong> <span class="soft">({shares[1]} to {shares[2]}, {of})' in text
    assert f">{flags['classes'][0]['f1']['value']:.3f}<" in text
    assert "always saying the commoner class would be right on" in text
    assert "The flag" not in page(manager, project, "model", 2)


def test_the_heads_of_attributes_are_shown_beside_the_reward_and_length(project: Project, manager: Client) -> None:
    part = {"name": "helpful", "n": 1234, "n_prompts": 400, "accuracy": 0.71, "accuracy_low": 0.68}
    part |= {"accuracy_high": 0.74, "reward": 0.66, "longer": 0.59}
    make_model(project, {**make_report(), "attributes": [part]})
    make_model(project)
    shown = page(manager, project, "model", 1)
    row = shown[shown.index('<th scope="row">helpful</th>') :].split("</tr>")[0]
    cells = [" ".join(strip_tags(cell).split()) for cell in row.split("<td")[2:]]
    shown_cells = [cell.split(">", 1)[-1].strip() for cell in cells]
    assert shown_cells == ["71 %", "68 % to 74 %", "66 %", "59 %", "1,234", "400"]
    assert "Its head right on" not in page(manager, project, "model", 2)


def test_a_flag_that_nobody_set_is_said_to_tell_nothing(project: Project, manager: Client) -> None:
    seen = draw_report(n_prompts=6, flag="hateful", flagged=0.0)
    make_model(project, seen)
    assert "All votes of the test prompts are for one class" in page(manager, project, "model", 1)


def test_the_report_is_downloaded_as_it_was_written(project: Project, manager: Client) -> None:
    seen = draw_report(n_prompts=6)
    make_model(project, seen)
    answer = manager.get(url(project, "model_report", 1))
    assert answer.json() == seen
    assert answer["Content-Disposition"] == 'attachment; filename="helpful-model-1-report.json"'
    assert url(project, "model_report", 1) in page(manager, project, "model", 1)


def test_what_more_labels_brought_is_shown_once_there_are_two_sizes(project: Project, manager: Client) -> None:
    make_model(project, version=make_version(project, training_pairs=100))
    assert "What more labels brought" not in page(manager, project, "models")
    make_model(project, version=make_version(project, training_pairs=1234))
    text = page(manager, project, "models")
    assert "What more labels brought" in text
    assert '<td class="number">1,234</td>' in text


def test_a_german_page_says_the_gates_reasons_in_german_and_draws_as_ever(project: Project, manager: Client) -> None:
    make_model(project, make_report(log_loss=0.75))
    champions.promote_if_passed(make_model(project), auto_promote=True)
    text = page(manager, project, "model", 1, **{"accept-language": "de"})
    assert "Der Log-Loss 0,7500 (0,7000 bis 0,8000) liegt nicht unter ln 2 = 0,6931" in text
    assert re.findall(r' (?:[xyr]|[xy][12]|c[xy])="[^"]*,[^"]*"', text) == []  # SVG knows no decimal comma
    assert "Der Log-Loss 0,6000" in page(manager, project, "models", **{"accept-language": "de"})


def test_reasons_that_the_gate_no_longer_gives_stay_as_they_were_kept(project: Project, manager: Client) -> None:
    model = make_model(project)
    model.gate = {"passed": True, "reasons": ["It was better than the one before."]}
    model.save()
    assert "It was better than the one before." in page(manager, project, "model", 1, **{"accept-language": "de"})


def test_a_model_is_promoted_and_rolled_back_with_a_reason(project: Project, manager: Client) -> None:
    first, second = make_model(project), make_model(project)
    answer = manager.post(url(project, "model_promote", 1), {"reason": ""}, follow=True)
    assert "Write why" in answer.content.decode()
    for version in (1, 2):
        manager.post(url(project, "model_promote", version), {"reason": "looks <b>right</b>"})
    assert champions.champion(project) == second
    assert "looks &lt;b&gt;right&lt;/b&gt;" in page(manager, project, "models")
    assert "Roll back to version 1" in page(manager, project, "models")
    answer = manager.post(url(project, "model_rollback"), {"reason": "worse"}, follow=True)
    assert "Version 1 is the champion again." in answer.content.decode()
    assert champions.champion(project) == first


def test_unknown_runs_and_models_are_not_found(project: Project, manager: Client) -> None:
    other = make_project()
    rank_prompts(other)
    make_model(other)
    for name in ("run", "model"):
        assert manager.get(url(project, name, 1)).status_code == 404
    for name in ("run_cancel", "model_promote"):
        assert manager.post(url(project, name, 1)).status_code == 404


FORM = {
    "head_every_pairs": "20",
    "enabled": "on",
    "every_pairs": "50",
    "first_minimum": "60",
    "cooldown_minutes": "5",
    "backbone": "minilm",
    "epochs": "2",
    "learning_rate": "5e-5",
    "lora_rank": "0",
    "graph_budget": "16384",
    "max_length": "256",
}


def test_the_policy_is_changed_by_its_form(project: Project, manager: Client) -> None:
    policy.update_policy(project, training={"seed": 7})
    manager.post(url(project, "policy"), FORM)
    changed = policy.get_policy(project)
    assert (changed.enabled, changed.every_pairs, changed.first_minimum, changed.cooldown_minutes) == (True, 50, 60, 5)
    assert (changed.head_enabled, changed.head_every_pairs) == (False, 20)
    assert not changed.auto_promote
    assert changed.training == {"seed": 7, "epochs": 2}
    assert 'value="50"' in page(manager, project, "runs")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("every_pairs", "0", "greater than or equal to 1"),
        ("every_pairs", "many", "Enter a whole number"),
        ("backbone", "/no/such/model", "backbone is &#x27;/no/such/model&#x27;; choose one of minilm"),
        ("learning_rate", "-1", "This is -1.0; it must be above 0."),
        ("learning_rate", "2", "less than or equal to 1"),
        ("epochs", "1000000000", "less than or equal to 1000"),
        ("max_length", "1000000000", "less than or equal to 131072"),
    ],
)
def test_a_policy_that_cannot_be_is_explained_and_nothing_changes(
    project: Project, manager: Client, field: str, value: str, words: str
) -> None:
    answer = manager.post(url(project, "policy"), {**FORM, field: value})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert policy.get_policy(project).pk is None


def test_the_overview_says_when_the_next_retraining_comes(project: Project, manager: Client) -> None:
    policy.update_policy(project, first_minimum=217)
    text = page(manager, project, "project_machine")
    assert "There is no reward model in use yet." in text
    assert "Next retraining in <strong>1 pair</strong>" in text
    policy.update_policy(project, enabled=False, head_enabled=False)
    assert page(manager, project, "project_machine").count("Retraining by itself is switched off.") == 2


def test_the_overview_asks_for_a_decision_on_a_model_that_waits(project: Project, manager: Client) -> None:
    make_model(project)
    assert "Version 1 passed the gate and waits for your word." in page(manager, project, "project_machine")
