"""The pod template that an administrator may write."""

from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from rewardtrain.training.executors.executor import Job, Resources
from rewardtrain.training.executors.kubernetes import pod_template
from rewardtrain.training.executors.kubernetes.job_object import job_object

WRITTEN = """
metadata:
  labels: {kueue.x-k8s.io/priority-class: low}
  annotations: {sidecar.istio.io/inject: "false"}
spec:
  nodeSelector: {gpu: a100}
  tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]
  imagePullSecrets: [{name: registry}]
  securityContext: {runAsUser: 1000}
  terminationGracePeriodSeconds: 60
  volumes: [{name: cache, hostPath: {path: /srv/cache}}]
  initContainers: [{name: log, image: fluent, restartPolicy: Always}]
  containers:
    - name: podium
      command: [/opt/conda/bin/python, -m, rewardtrain.core]
      env: [{name: HOME, value: /srv/cache}, {name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hub, key: token}}}]
      volumeMounts: [{name: cache, mountPath: /srv/cache}]
      resources: {requests: {cpu: 4, memory: 16Gi}, limits: {memory: 32Gi}}
"""


def pod(text: str, folder: Path) -> dict[str, Any]:
    template = folder / "pod.yaml"
    template.write_text(text)
    job = Job("podium-1", ["job", "/srv/models"], Resources("", 1, 1), Path("/dev/null"))
    with override_settings(KUBERNETES_TEMPLATE=str(template), KUBERNETES_IMAGE="ours", KUBERNETES_VOLUME="claim"):
        return dict(job_object(job)["spec"]["template"])


def test_what_is_written_stays_beside_what_podium_gives(tmp_path: Path) -> None:
    made = pod(WRITTEN, tmp_path)
    spec, [container] = made["spec"], made["spec"]["containers"]
    labels = made["metadata"]["labels"]
    assert (labels["kueue.x-k8s.io/priority-class"], labels["podium-job"]) == ("low", "podium-1")
    assert made["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
    assert (spec["nodeSelector"], spec["imagePullSecrets"]) == ({"gpu": "a100"}, [{"name": "registry"}])
    assert (spec["securityContext"], spec["terminationGracePeriodSeconds"]) == ({"runAsUser": 1000}, 60)
    assert spec["restartPolicy"] == "Never"
    assert [volume["name"] for volume in spec["volumes"]] == ["cache", "podium-scratch", "podium-shm", "podium-models"]
    assert container["command"] == ["/opt/conda/bin/python", "-m", "rewardtrain.core"]
    assert (container["image"], container["args"]) == ("ours", ["job", "/srv/models"])
    assert [each["name"] for each in container["env"]] == ["HOME", "HF_TOKEN", "TMPDIR", "USER"]
    assert container["env"][0]["value"] == "/srv/cache"
    assert container["resources"] == {
        "requests": {"cpu": "4", "memory": "16Gi"},
        "limits": {"memory": "32Gi", "nvidia.com/gpu": "1"},
    }


def test_a_template_with_nothing_but_the_container_has_all_that_ours_has(tmp_path: Path) -> None:
    assert pod("spec: {containers: [{name: podium}]}", tmp_path) == pod(pod_template.DEFAULT, tmp_path)
    assert pod("metadata:\nspec: {volumes: , containers: [{name: podium, env: , resources: }]}", tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is None; fields belong there, as metadata, spec"),
        ("[a]", r"the file is \['a'\]; fields belong there"),
        ("spec: {", "it is no YAML in line 1"),
        ("spec: {}\n\tcontainers: []", "it is no YAML in line 2"),
        ("spec: !!python/object:os.system {}", "it is no YAML in line 1"),
        ("a: &a [x]\nb: [*a, *a]", r"it has an alias"),
        ("[" * 5000, "it is no YAML"),
        ("spec: {}\nkind: Pod", "'kind' is no field of a pod; there are metadata, spec"),
        ("spec: {containers: []}", "spec.containers has none; it has to be one of the name podium"),
        ("spec: {containers: [{name: main}]}", r"spec.containers has \['main'\]"),
        ("spec: {containers: [{name: podium}, {name: log}]}", "belongs to initContainers"),
        ("spec: {containers: {name: podium}}", r"spec.containers is \{'name': 'podium'\}; a list belongs there"),
        ("spec: {containers: [podium]}", r"spec.containers\[0\] is 'podium'; fields belong there"),
        ("spec: {containers: [{name: podium, imag: x}]}", r"'spec.containers\[0\].imag' is no field of a pod"),
        ("spec: {containers: [{name: podium, image: x}]}", "has image; set PODIUM_KUBERNETES_IMAGE"),
        ("spec: {containers: [{name: podium, args: [x]}]}", "has args; they are what Podium has a job do"),
        ("spec: {nodeSelectr: {a: b}, containers: [{name: podium}]}", "'spec.nodeSelectr' is no field"),
        ("spec: {nodeSelector: {a: true}, containers: [{name: podium}]}", r"nodeSelector\[a\] is True; a text"),
        ("spec: {nodeSelector: [a], containers: [{name: podium}]}", "names with their values"),
        (
            "spec: {containers: [{name: podium, env: [{name: A, value: 1}]}]}",
            r"env\[0\].value is 1; a text \(in quotes",
        ),
        ("spec: {hostNetwork: 'yes', containers: [{name: podium}]}", "hostNetwork is 'yes'; true or false"),
        ("spec: {terminationGracePeriodSeconds: 1m, containers: [{name: podium}]}", "is '1m'; a whole number"),
        ("spec: {restartPolicy: OnFailure, containers: [{name: podium}]}", "spec has restartPolicy"),
        ("spec: {volumes: [{name: podium-x}], containers: [{name: podium}]}", "such names are Podium's own"),
        (
            "spec: {containers: [{name: podium, resources: {limits: {nvidia.com/gpu: 1}}}]}",
            "a project says how many",
        ),
        ("spec: {containers: [{name: podium}], " + "y" * 1000 + ": 1}", "is no field of a pod"),
    ],
)
def test_a_template_that_no_pod_can_have_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        pod_template.parse(text)
    assert len(str(refused.value)) <= 1000
