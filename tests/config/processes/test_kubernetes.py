"""deploy/kubernetes, where no cluster and no kustomize runs: what the manifests name is there, and fits together."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import resolve

from config.environment import addresses, sentinels
from config.processes import command_lines
from config.processes.supervisor import Spec
from rewardtrain.core.serving import app as rewards_app
from tests.config.helpers import REPOSITORY
from tests.config.processes.test_compose import without_python

FOLDER = REPOSITORY / "deploy" / "kubernetes"
PROCESSES = {"web", "worker", "head", "train", "rewards", "beat", "migrate"}
SECRETS = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"}  # of the secret that the operator makes


def read(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def resources(folder: str) -> list[dict[str, Any]]:
    """All that a kustomization lists, without the base."""
    [listed] = read(FOLDER / folder / "kustomization.yaml")
    return [each for name in listed["resources"] if not name.startswith("..") for each in read(FOLDER / folder / name)]


def of_kind(kind: str, folder: str = "base") -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in resources(folder) if each["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """The pod template of each process, by its container's name."""
    found = [*of_kind("Deployment").values(), *of_kind("Job").values()]
    return {each["spec"]["template"]["spec"]["containers"][0]["name"]: each["spec"]["template"] for each in found}


def container(name: str) -> dict[str, Any]:
    [only] = pods()[name]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def settings() -> dict[str, str]:
    [listed] = read(FOLDER / "base" / "kustomization.yaml")
    [generated] = listed["configMapGenerator"]
    assert generated["name"] == "podium-settings"
    return dict(line.split("=", 1) for line in generated["literals"])


def documented() -> set[str]:
    page = (REPOSITORY / "docs" / "operating.md").read_text()
    return set(re.findall(r"`([A-Z][A-Z_]+)`", page))


def test_every_file_is_listed_and_every_listed_file_is_there() -> None:
    for folder in ("base", "operators", "jobs"):
        [listed] = read(FOLDER / folder / "kustomization.yaml")
        named = {*listed["resources"], *(patch["path"] for patch in listed.get("patches", ()))}
        files = {path.name for path in (FOLDER / folder).glob("*.yaml")} - {"kustomization.yaml"}
        assert {name for name in named if not name.startswith("..")} == files
        assert all((FOLDER / folder / name).exists() for name in named)


def test_every_process_runs_the_very_command_of_manage_py_up() -> None:
    assert set(pods()) == PROCESSES
    specs: dict[str, Spec] = {
        "web": command_lines.web(host="0.0.0.0", port=8000, workers=2),
        "worker": command_lines.worker(),
        "head": command_lines.head(),
        "train": command_lines.train(),
        "rewards": command_lines.rewards(host="0.0.0.0", port=8001),
        "beat": command_lines.beat(Path("/tmp")),
    }
    for name, spec in specs.items():
        assert without_python(container(name)["command"]) == without_python(spec.command)
    assert container("migrate")["command"] == ["python", "manage.py", "migrate", "--no-input"]
    beat = of_kind("Deployment")["podium-beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})  # never two


def test_every_setting_is_one_of_podiums_and_can_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    known = documented()
    for name in PROCESSES:
        own = {entry["name"] for entry in container(name).get("env", ())} - {"PROMETHEUS_MULTIPROC_DIR"}
        assert own <= known, name
        given = [next(iter(source.values()))["name"] for source in container(name)["envFrom"]]
        assert given == ["podium-settings", "podium-secrets"]
    assert set(settings()) <= known
    for name, value in settings().items():
        monkeypatch.setenv(name, value)
    assert addresses.hosts("ALLOWED_HOSTS", "") == ["podium.example.org"]
    assert addresses.origins("CSRF_TRUSTED_ORIGINS") == ["https://podium.example.org"]


def test_probes_ask_what_is_there() -> None:
    for name, probe in probes():
        if "httpGet" in probe:
            assert name == "rewards"
            assert f'"{probe["httpGet"]["path"]}": ' in Path(rewards_app.__file__).read_text()
            assert probe["httpGet"]["port"] in {port["name"] for port in container(name)["ports"]}
            continue
        words = probe["exec"]["command"]
        if name == "web":
            assert words[:3] == ["python", "-m", "config.processes.healthcheck"]
            place = words[3].removeprefix("http://127.0.0.1:8000")
            assert resolve(place).func.__name__ == "healthz"
        else:
            asked = shlex.split(words[2])
            queues = container(name)["command"]
            assert f"{queues[queues.index('--queues') + 1]}@$HOSTNAME" in asked
            assert probe["timeoutSeconds"] > int(asked[asked.index("--timeout") + 1])
    assert {name for name, _ in probes()} == PROCESSES - {"beat", "migrate"}
    for name in ("worker", "head", "train"):  # it would end their work because Redis was away
        assert "livenessProbe" not in container(name)


def probes() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in PROCESSES:
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            if kind in container(name):
                yield name, container(name)[kind]


def test_selectors_find_their_pods() -> None:
    labels = [template["metadata"]["labels"] for template in pods().values()]
    for kind in ("Service", "PodDisruptionBudget", "Deployment"):
        for name, each in of_kind(kind).items():
            selector = each["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert sum(wanted.items() <= own.items() for own in labels) == 1, (kind, name)
    for name, service in of_kind("Service").items():
        ports = {port["name"] for port in container(name.removeprefix("podium-"))["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for name, template in pods().items():
        for spread in template["spec"].get("topologySpreadConstraints", ()):
            assert spread["labelSelector"]["matchLabels"] == template["metadata"]["labels"], name


def test_what_may_be_disrupted_has_a_second_one() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert set(budgets) == {"podium-web", "podium-worker", "podium-rewards"}
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert of_kind("Deployment")[name]["spec"]["replicas"] >= 2


def test_volumes_are_mounted_and_no_process_is_root() -> None:
    claims = of_kind("PersistentVolumeClaim")
    assert claims["podium-data"]["spec"]["accessModes"] == ["ReadWriteMany"]
    for name, template in pods().items():
        spec = template["spec"]
        volumes = {volume["name"] for volume in spec.get("volumes", ())}
        assert {mount["name"] for mount in container(name).get("volumeMounts", ())} == volumes
        for volume in spec.get("volumes", ()):
            assert volume.get("persistentVolumeClaim", {}).get("claimName", "podium-data") in claims
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert str(spec["securityContext"]["runAsUser"]) in (REPOSITORY / "Dockerfile").read_text()
        assert container(name)["securityContext"]["allowPrivilegeEscalation"] is False
        assert spec["automountServiceAccountToken"] is False


def test_who_is_asked_for_rewards_has_time_to_end() -> None:
    """It says for a while that it isn't ready, and then answers who waits, for two minutes at most."""
    spec = pods()["rewards"]["spec"]
    assert spec["terminationGracePeriodSeconds"] >= int(settings()["PODIUM_REWARDS_DRAIN"]) + 120
    probe = container("rewards")["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < int(settings()["PODIUM_REWARDS_DRAIN"])
    port = of_kind("Service")["podium-rewards"]["spec"]["ports"][0]["port"]
    assert settings()["PODIUM_REWARDS_URL"] == f"http://podium-rewards:{port}"


def test_the_operators_servers_are_those_of_the_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    [added] = read(FOLDER / "operators" / "addresses.yaml")
    assert all(each["path"] == "/spec/template/spec/containers/0/env/-" for each in added)
    assert all("env" in container(name) for name in PROCESSES)  # or there would be nothing to add to
    env = {each["value"]["name"]: each["value"] for each in added}
    order = list(env)
    for name, entry in env.items():
        for other in re.findall(r"\$\((\w+)\)", entry.get("value", "")):
            assert order.index(other) < order.index(name)  # Kubernetes replaces what came before
    assert set(env) - {"DB_PASSWORD", "REDIS_PASSWORD"} <= documented()
    made = {each["kind"]: each for each in resources("operators")}
    cluster, pooler = made["Cluster"]["metadata"]["name"], made["Pooler"]
    hosts = {"DATABASE_URL": pooler["metadata"]["name"], "PODIUM_DATABASE_DIRECT_URL": f"{cluster}-rw"}
    hosts["PODIUM_DATABASE_REPLICA_URL"] = f"{cluster}-ro"
    for name, host in hosts.items():
        monkeypatch.setenv(name, env[name]["value"].replace("$(DB_PASSWORD)", "word"))
        read_so = addresses.database(name, "")
        assert (read_so["HOST"], read_so["NAME"], read_so["USER"]) == (host, *owner(made["Cluster"]))
    assert (pooler["spec"]["cluster"]["name"], pooler["spec"]["pgbouncer"]["poolMode"]) == (cluster, "transaction")
    monkeypatch.setenv("REDIS_URL", env["REDIS_URL"]["value"].replace("$(REDIS_PASSWORD)", "word"))
    redis, watched = sentinels.redis("REDIS_URL", ""), made["RedisSentinel"]["spec"]["redisSentinelConfig"]
    assert redis.master == watched["masterGroupName"]
    assert redis.sentinels == ((f"{made['RedisSentinel']['metadata']['name']}-sentinel", 26379),)
    assert watched["redisReplicationName"] == made["RedisReplication"]["metadata"]["name"]


def owner(cluster: dict[str, Any]) -> tuple[str, str]:
    made = cluster["spec"]["bootstrap"]["initdb"]
    return made["database"], made["owner"]


def test_workers_may_make_jobs_and_nobody_else() -> None:
    [listed] = read(FOLDER / "jobs" / "kustomization.yaml")
    assert {patch["target"]["name"] for patch in listed["patches"]} == {"podium-worker", "podium-train"}
    made = {each["kind"]: each for each in resources("jobs")}
    account = made["ServiceAccount"]["metadata"]["name"]
    [patch] = read(FOLDER / "jobs" / "account.yaml")
    assert [each["value"] for each in patch] == [account, True]
    assert made["RoleBinding"]["subjects"] == [{"kind": "ServiceAccount", "name": account}]
    assert made["RoleBinding"]["roleRef"]["name"] == made["Role"]["metadata"]["name"]
    rules = {resource: rule["verbs"] for rule in made["Role"]["rules"] for resource in rule["resources"]}
    page = (REPOSITORY / "docs" / "clusters.md").read_text()
    # executors/kubernetes/executor.py:submit, and nothing that reads one
    assert rules["secrets"] == rules["services"] == ["create", "patch"]
    for resource, verbs in rules.items():
        assert f"`{resource}`" in page
        assert all(f"`{verb}`" in page for verb in verbs)


def test_the_documentation_names_every_secret_and_folder() -> None:
    page = (REPOSITORY / "docs" / "install.md").read_text()
    section = page[page.index("## Kubernetes\n") : page.index("## Behind a proxy\n")]
    for word in (*SECRETS, "podium-secrets", "podium-redis", "deploy/kubernetes/base", "deploy/kubernetes/operators"):
        assert word in section
