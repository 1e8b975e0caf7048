"""The connection to Kubernetes' API, by the official client, which is loaded when something is first asked.

Credentials are those of the pod that asks where there are such, else a kubeconfig's. Answers are read as plain JSON: a
server that is newer than the client may say more than the client's models know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.conf import settings

from rewardtrain.training.executors.executor import SchedulerAway

SECONDS = (5.0, 15.0)  # to connect, to answer
IN_CLUSTER = "KUBERNETES_SERVICE_HOST"  # Kubernetes sets it in every pod
KUEUE = "kueue.x-k8s.io"
KUEUE_VERSIONS = ("v1", "v1beta2", "v1beta1")  # a site's Kueue serves one or more of them
LONGEST = 300  # characters of an error


class Connection:
    """One server's API. Calls raise what `asking` turns into SchedulerAway."""

    def __init__(self, api: Any) -> None:
        from kubernetes import client

        self._batch, self._core = client.BatchV1Api(api), client.CoreV1Api(api)
        self._custom = client.CustomObjectsApi(api)
        self._versions: tuple[str, ...] = KUEUE_VERSIONS

    def create_job(self, namespace: str, body: Any) -> None:
        """Makes a Job; a field that the server doesn't know is refused rather than dropped."""
        self._batch.create_namespaced_job(namespace, body, field_validation="Strict", **_options())

    def create(self, namespace: str, body: Any) -> None:
        """Makes a Secret or a Service."""
        getattr(self._core, f"create_namespaced_{body['kind'].lower()}")(namespace, body, **_options())

    def own(self, namespace: str, body: Any, owner: dict[str, str]) -> None:
        """Has it be deleted with its owner."""
        changes: Any = {"metadata": {"ownerReferences": [owner]}}
        patch = getattr(self._core, f"patch_namespaced_{body['kind'].lower()}")
        patch(body["metadata"]["name"], namespace, changes, _content_type="application/merge-patch+json", **_options())

    def delete_job(self, namespace: str, name: str) -> None:
        """Deletes it once its pods have ended."""
        self._batch.delete_namespaced_job(name, namespace, propagation_policy="Foreground", **_options())

    def jobs(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        """Lists Jobs."""
        return _items(self._batch.list_namespaced_job(namespace, label_selector=selector, **_options()))

    def pods(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        """Lists pods."""
        return _items(self._core.list_namespaced_pod(namespace, label_selector=selector, **_options()))

    def workloads(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        """Lists Kueue's view of jobs; nothing where we may not read it."""
        from kubernetes.client.exceptions import ApiException

        for version in self._versions:
            try:
                answer = self._custom.list_namespaced_custom_object(
                    KUEUE, version, namespace, "workloads", label_selector=selector, **_options()
                )
            except ApiException as error:
                if error.status == 403:
                    return []
                if error.status != 404:
                    raise
            else:
                self._versions = (version,)
                return _items(answer)
        return []


def _options() -> dict[str, Any]:
    return {"_request_timeout": SECONDS, "_preload_content": False}


def _items(answer: Any) -> list[dict[str, Any]]:
    try:
        return list(json.loads(answer.data)["items"])
    except (ValueError, LookupError, TypeError) as error:
        raise SchedulerAway(f"What answers is no Kubernetes: {_short(error)}") from error


@contextmanager
def asking() -> Iterator[Connection]:
    """Gives the connection. What goes wrong there is SchedulerAway, with the server's own words."""
    import urllib3
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException

    config = str(settings.KUBERNETES_CONFIG)
    try:
        api = connect(config)
    except Exception as error:  # the client takes a kubeconfig of any shape for a right one
        raise SchedulerAway(_leads_nowhere(config, error)) from error
    try:
        yield api
    except ApiException as error:
        if error.status == 401:
            connect.cache_clear()  # the credentials have changed, perhaps
        raise SchedulerAway(f"Kubernetes answers {error.status}: {_words(error)}") from error
    except urllib3.exceptions.HTTPError as error:
        raise SchedulerAway(f"Kubernetes doesn't answer: {_short(error)}") from error
    except (ConfigException, OSError) as error:  # a token is read anew as it gets old
        raise SchedulerAway(_leads_nowhere(config, error)) from error


def _leads_nowhere(config: str, error: Exception) -> str:
    if config:
        return f"PODIUM_KUBERNETES_CONFIG is {config!r}, which doesn't lead to Kubernetes: {_short(error)}"
    return f"Neither a pod's service account nor a kubeconfig leads to Kubernetes: {_short(error)}"


@lru_cache(maxsize=4)
def connect(config: str) -> Connection:
    """Connects as a kubeconfig says, or as this machine is set up. Raises ConfigException, OSError."""
    from kubernetes import client
    from kubernetes.config import load_incluster_config, load_kube_config

    values = client.Configuration()
    if config or not os.environ.get(IN_CLUSTER):
        load_kube_config(config or None, client_configuration=values, persist_config=False)  # type: ignore[no-untyped-call]
    else:
        load_incluster_config(client_configuration=values)  # type: ignore[no-untyped-call]
    values.retries = 0  # the next look comes by itself
    return Connection(client.ApiClient(values))


def _words(error: Any) -> str:
    """Gives what the server says of an error: its Status' message, else what there is."""
    try:
        return str(json.loads(error.body)["message"])[:LONGEST]
    except (ValueError, LookupError, TypeError):
        return str(error.reason)[:LONGEST]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:LONGEST]
