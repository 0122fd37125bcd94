"""Services, Ingresses, claims, roles and others that an API server would refuse.

The types of all fields have been checked before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from components.documents import fields

Given = Mapping[str, Any]

_NAMED_SCHEDULES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_LEVELS = ("privileged", "baseline", "restricted")
"""Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
_LONGEST_CRON_JOB = 52
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
"""Keys that a Secret of a type has to have."""


def _service(spec: Given, path: str, refuse: fields.Refuse) -> None:
    kind = spec.get("type") or "ClusterIP"
    ports = spec.get("ports") or ()
    if kind == "ExternalName":
        if not spec.get("externalName"):
            raise refuse(f"has no {path}externalName, which its type needs; add it")
    elif not ports and spec.get("clusterIP") != "None":
        raise refuse(f"has no {path}ports; add them, or {path}clusterIP: None")
    names: dict[str, str] = {}
    for number, port in enumerate(ports):
        where = f"{path}ports[{number}]"
        if name := port.get("name"):
            fields.label(name, f"{where}.name", refuse)
            fields.once(name, where, names, refuse)
        elif len(ports) > 1:
            raise refuse(f"has no {where}.name, which each of several ports needs; add it")
        if kind == "ClusterIP" and port.get("nodePort"):
            raise refuse(f"has {where}.nodePort, which type ClusterIP has not; remove it")

    if kind == "ClusterIP" and spec.get("externalTrafficPolicy") and not spec.get("externalIPs"):
        raise refuse(f"has {path}externalTrafficPolicy, which type ClusterIP has not; remove it")


def _requirement(requirement: Given, path: str, refuse: fields.Refuse) -> None:
    operator, found = requirement.get("operator"), requirement.get("values")
    if operator in ("In", "NotIn") and not found:
        raise refuse(f"has no {path}values, which operator {operator} needs; add them")
    if operator in ("Exists", "DoesNotExist") and found:
        raise refuse(f"has {path}values beside operator {operator}; remove them")


def _path(path_rule: Given, path: str, refuse: fields.Refuse) -> None:
    given = path_rule.get("path") or ""
    needed = path_rule.get("pathType") in ("Exact", "Prefix")
    if (given or needed) and not given.startswith("/"):
        raise refuse(f"has in {path}path {fields.shown(given)}; begin it with '/'")


def _host(rule: Given, path: str, refuse: fields.Refuse) -> None:
    if host := rule.get("host"):
        fields.subdomain(host.removeprefix("*."), f"{path}host", refuse)


def _cron_job(cron_job: Given, path: str, refuse: fields.Refuse) -> None:
    name = cron_job["metadata"]["name"]
    if len(name) > _LONGEST_CRON_JOB:
        raise refuse(
            f"has in {path}metadata.name {len(name)} signs, and a CronJob's has at most"
            f" {_LONGEST_CRON_JOB}, for its Jobs get longer ones; use a shorter name"
        )


def _job(spec: Given, path: str, refuse: fields.Refuse) -> None:
    restart = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if spec.get("podFailurePolicy") and restart not in (None, "", "Never"):
        raise refuse(
            f"has {path}podFailurePolicy, which needs {path}template.spec.restartPolicy Never;"
            " set it"
        )


def _cluster_binding(binding: Given, path: str, refuse: fields.Refuse) -> None:
    for number, subject in enumerate(binding.get("subjects") or ()):
        if subject and subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            raise refuse(f"has no {path}subjects[{number}].namespace; add it")


def _definition(spec: Given, path: str, refuse: fields.Refuse) -> None:
    stored = [each for each in spec.get("versions") or () if each and each.get("storage")]
    if len(stored) != 1:
        raise refuse(f"has in {path}versions {len(stored)} with storage: true; exactly one has it")


def _schedule(spec: Given, path: str, refuse: fields.Refuse) -> None:
    schedule = spec.get("schedule") or ""
    named = schedule in _NAMED_SCHEDULES or schedule.startswith("@every ")
    if schedule and not named and len(schedule.split()) != 5:
        raise refuse(
            f"has in {path}schedule {fields.shown(schedule)}; use five fields, or one of "
            f"{', '.join(_NAMED_SCHEDULES)}"
        )


def _autoscaler(spec: Given, path: str, refuse: fields.Refuse) -> None:
    lowest, highest = spec.get("minReplicas") or 1, spec.get("maxReplicas")
    if highest is not None and lowest > highest:
        raise refuse(f"has a {path}minReplicas of {lowest} above {path}maxReplicas of {highest}")


def _claim(spec: Given, path: str, refuse: fields.Refuse) -> None:
    requests = (spec.get("resources") or {}).get("requests") or {}
    if spec.get("resources") and requests.get("storage") is None:
        raise refuse(f"has no {path}resources.requests.storage; add it")


def _rule(rule: Given, path: str, refuse: fields.Refuse) -> None:
    if rule.get("nonResourceURLs"):
        return
    for field in ("apiGroups", "resources"):
        if not rule.get(field):
            raise refuse(f"has no {path}{field}; add them")


def _strategy(strategy: Given, path: str, refuse: fields.Refuse) -> None:
    if strategy.get("type") == "Recreate" and strategy.get("rollingUpdate") is not None:
        raise refuse(f"has {path}rollingUpdate beside type Recreate; remove it")
    rolling = strategy.get("rollingUpdate") or {}
    if all(rolling.get(field) in (0, "0%") for field in ("maxSurge", "maxUnavailable")):
        raise refuse(
            f"has 0 in {path}rollingUpdate.maxSurge and maxUnavailable; no pod could be replaced,"
            " so raise one"
        )


def _daemon_set_strategy(strategy: Given, path: str, refuse: fields.Refuse) -> None:
    if strategy.get("type") == "OnDelete":
        return
    rolling = strategy.get("rollingUpdate") or {}
    surge, unavailable = rolling.get("maxSurge"), rolling.get("maxUnavailable")
    # a server has 1 for a maxUnavailable that is not given
    is_zero = {"maxSurge": surge in (None, 0, "0%"), "maxUnavailable": unavailable in (0, "0%")}
    if len(set(is_zero.values())) == 1:
        both = "0" if is_zero["maxSurge"] else "more than 0"
        raise refuse(
            f"has {both} in {path}rollingUpdate.maxSurge and maxUnavailable (1 if not given);"
            " set one of them to 0 and the other higher"
        )


def _secret(secret: Given, path: str, refuse: fields.Refuse) -> None:
    data = {**(secret.get("data") or {}), **(secret.get("stringData") or {})}
    for number, key in enumerate(data, 1):
        # not by name: kustomize makes a key of a whole line in which it finds no '='
        fields.data_key(key, f"{number} of {path}data and stringData", refuse)
    for key in _SECRET_KEYS.get(secret.get("type") or "", ()):
        if key not in data:
            raise refuse(f"has no {path}data.{key}, which type {secret['type']} needs; add it")


def _config_map(config: Given, path: str, refuse: fields.Refuse) -> None:
    data, binary = config.get("data") or {}, config.get("binaryData") or {}
    _keys({**data, **binary}, path, refuse)
    for key in data.keys() & binary.keys():
        raise refuse(f"has {key} in both data and binaryData; keep one")


def _namespace(namespace: Given, path: str, refuse: fields.Refuse) -> None:
    labels = (namespace.get("metadata") or {}).get("labels") or {}
    for mode in ("enforce", "audit", "warn"):
        level = labels.get(f"pod-security.kubernetes.io/{mode}", _LEVELS[0])
        if level not in _LEVELS:
            raise refuse(
                f"has in metadata.labels.pod-security.kubernetes.io/{mode} {fields.shown(level)}; "
                f"use one of {', '.join(_LEVELS)}"
            )


def _keys(data: Given, path: str, refuse: fields.Refuse) -> None:
    for key in data:
        fields.data_key(key, f"{path}data.{key}", refuse)


FURTHER: Mapping[str, Callable[[Given, str, fields.Refuse], None]] = {
    "apiextensions.v1.CustomResourceDefinitionSpec": _definition,
    "apps.v1.DaemonSetUpdateStrategy": _daemon_set_strategy,
    "apps.v1.DeploymentStrategy": _strategy,
    "autoscaling.v1.HorizontalPodAutoscalerSpec": _autoscaler,
    "autoscaling.v2.HorizontalPodAutoscalerSpec": _autoscaler,
    "batch.v1.CronJob": _cron_job,
    "batch.v1.CronJobSpec": _schedule,
    "batch.v1.JobSpec": _job,
    "core.v1.ConfigMap": _config_map,
    "core.v1.Namespace": _namespace,
    "core.v1.PersistentVolumeClaimSpec": _claim,
    "core.v1.Secret": _secret,
    "core.v1.ServiceSpec": _service,
    "meta.v1.LabelSelectorRequirement": _requirement,
    "networking.v1.HTTPIngressPath": _path,
    "networking.v1.IngressRule": _host,
    "rbac.v1.ClusterRoleBinding": _cluster_binding,
    "rbac.v1.PolicyRule": _rule,
}
"""What is looked at in an object of a type, beside the tables of `rules.py`."""
