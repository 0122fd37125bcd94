"""Make the schema of Kubernetes' own kinds from what an API server publishes of them.

From a running cluster of the version that `toolchain/tools.toml` pins:

    ./demo kubectl get --raw /openapi/v2 | .venv/bin/python -m components.documents.make_schema

A test compares the result with the API server that the demo runs. `schema.py` says what it means.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from components.documents import schema

_OWN = ("io.k8s.api.", "io.k8s.apiextensions-apiserver.", "io.k8s.kube-aggregator.")
"""Packages of Kubernetes itself: a cluster has definitions of custom kinds beside theirs."""

_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_TEXTS = {"byte": "base64", "date-time": "time", "int-or-string": "int-or-string"}
_SPECIAL = {"io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity"}
_SOURCE = "api/openapi-spec/swagger.json of https://github.com/kubernetes/kubernetes, Apache-2.0"


_INSISTED = {
    "admissionregistration.v1.ServiceReference",
    "admissionregistration.v1.ValidatingWebhook",
    "admissionregistration.v1.Validation",
    "apiextensions.v1.CustomResourceColumnDefinition",
    "apiextensions.v1.CustomResourceDefinition",
    "apiextensions.v1.CustomResourceDefinitionNames",
    "apiextensions.v1.CustomResourceDefinitionSpec",
    "apiextensions.v1.CustomResourceDefinitionVersion",
    "apps.v1.DaemonSet",
    "apps.v1.DaemonSetSpec",
    "apps.v1.Deployment",
    "apps.v1.DeploymentSpec",
    "apps.v1.StatefulSet",
    "apps.v1.StatefulSetSpec",
    "autoscaling.v1.CrossVersionObjectReference",
    "autoscaling.v1.HorizontalPodAutoscaler",
    "autoscaling.v1.HorizontalPodAutoscalerSpec",
    "autoscaling.v2.CrossVersionObjectReference",
    "autoscaling.v2.HPAScalingPolicy",
    "autoscaling.v2.HorizontalPodAutoscaler",
    "autoscaling.v2.HorizontalPodAutoscalerSpec",
    "autoscaling.v2.MetricIdentifier",
    "autoscaling.v2.MetricSpec",
    "autoscaling.v2.MetricTarget",
    "autoscaling.v2.PodsMetricSource",
    "autoscaling.v2.ResourceMetricSource",
    "batch.v1.CronJob",
    "batch.v1.CronJobSpec",
    "batch.v1.JobSpec",
    "batch.v1.PodFailurePolicyOnExitCodesRequirement",
    "batch.v1.PodFailurePolicyOnPodConditionsPattern",
    "batch.v1.PodFailurePolicyRule",
    "core.v1.CSIVolumeSource",
    "core.v1.ConfigMapKeySelector",
    "core.v1.Container",
    "core.v1.ContainerPort",
    "core.v1.DownwardAPIVolumeFile",
    "core.v1.EnvVar",
    "core.v1.GRPCAction",
    "core.v1.HTTPGetAction",
    "core.v1.HTTPHeader",
    "core.v1.HostAlias",
    "core.v1.HostPathVolumeSource",
    "core.v1.KeyToPath",
    "core.v1.LimitRangeItem",
    "core.v1.NFSVolumeSource",
    "core.v1.NodeSelector",
    "core.v1.NodeSelectorRequirement",
    "core.v1.ObjectFieldSelector",
    "core.v1.PersistentVolumeClaimTemplate",
    "core.v1.PersistentVolumeClaimVolumeSource",
    "core.v1.PodAffinityTerm",
    "core.v1.PodSpec",
    "core.v1.PreferredSchedulingTerm",
    "core.v1.ResourceFieldSelector",
    "core.v1.SeccompProfile",
    "core.v1.SecretKeySelector",
    "core.v1.ServiceAccountTokenProjection",
    "core.v1.ServicePort",
    "core.v1.TCPSocketAction",
    "core.v1.TopologySpreadConstraint",
    "core.v1.Volume",
    "core.v1.VolumeMount",
    "core.v1.WeightedPodAffinityTerm",
    "discovery.v1.Endpoint",
    "discovery.v1.EndpointSlice",
    "meta.v1.LabelSelectorRequirement",
    "networking.v1.HTTPIngressPath",
    "networking.v1.HTTPIngressRuleValue",
    "networking.v1.IPBlock",
    "networking.v1.IngressServiceBackend",
    "rbac.v1.ClusterRoleBinding",
    "rbac.v1.PolicyRule",
    "rbac.v1.RoleBinding",
    "rbac.v1.RoleRef",
    "rbac.v1.Subject",
    "storage.v1.StorageClass",
}
"""Types whose required fields a server insists on.

`tests/unit/components/documents/test_schema.py` shows that.
"""

_NOT_INSISTED = {
    ("core.v1.PreferredSchedulingTerm", "preference"),
    ("core.v1.HTTPHeader", "value"),
    ("apiextensions.v1.CustomResourceDefinitionVersion", "served"),
    ("apiextensions.v1.CustomResourceDefinitionVersion", "storage"),
}
"""Fields of these types that OpenAPI calls required, and that a server does without."""


def schema_of(published: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema that a server's `/openapi/v2` stands for; see `schema.py`."""
    definitions = published["definitions"]
    kinds: dict[str, str] = {}
    types: dict[str, Any] = {}
    required: dict[str, list[str]] = {}
    for name, definition in definitions.items():
        metadata = definition.get("properties", {}).get("metadata", {})
        if not name.startswith(_OWN) or _META not in metadata.get("$ref", ""):
            continue
        for each in definition.get("x-kubernetes-group-version-kind", ()):
            version = "/".join(filter(None, (each["group"], each["version"])))
            kinds[f"{version} {each['kind']}"] = _short(name)
    waiting = [name for name in definitions if _short(name) in kinds.values()]
    while waiting:
        name = waiting.pop()
        if _short(name) in types or _is_leaf(definitions[name]):
            continue
        types[_short(name)] = {
            field: "any"
            if _is_written(_short(name) in kinds.values(), field)
            else _type(declared, definitions, waiting)
            for field, declared in sorted(definitions[name]["properties"].items())
        }
        required[_short(name)] = [
            field
            for field in definitions[name].get("required", ())
            if _short(name) in _INSISTED and (_short(name), field) not in _NOT_INSISTED
        ]
    return {
        "source": _SOURCE,
        "version": published["info"]["version"],
        "kinds": dict(sorted(kinds.items())),
        "required": {name: fields for name, fields in sorted(required.items()) if fields},
        "types": dict(sorted(types.items())),
    }


def as_text(made: Mapping[str, Any]) -> str:
    """Return the schema as its file has it: one type a line, so that changes can be read."""
    lines = []
    for part, value in made.items():
        if isinstance(value, str):
            lines.append(f"{json.dumps(part)}: {json.dumps(value)}")
            continue
        entries = ",\n".join(f"{json.dumps(k)}: {_compact(v)}" for k, v in value.items())
        lines.append(f"{json.dumps(part)}: {{\n{entries}\n}}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _is_written(is_kind: bool, field: str) -> bool:
    """Tell whether a server writes a field: manifests seldom have it, and never need it."""
    return field == "managedFields" or (is_kind and field == "status")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _type(declared: Mapping[str, Any], definitions: Mapping[str, Any], waiting: list[str]) -> Any:
    if "$ref" in declared:
        name = declared["$ref"].rpartition("/")[2]
        if _is_leaf(definitions[name]):
            return _SPECIAL.get(name) or _leaf(definitions[name])
        waiting.append(name)
        return _short(name)
    match declared.get("type"):
        case "array":
            item = _type(declared["items"], definitions, waiting)
            if declared.get("x-kubernetes-list-type") == "set":
                return ["set", item]
            return ["list", item, *declared.get("x-kubernetes-list-map-keys", ())]
        case "object" if "additionalProperties" in declared:
            return ["map", _type(declared["additionalProperties"], definitions, waiting)]
        case "string" if "enum" in declared:
            return ["one of", *declared["enum"]]
        case "string" | "number":
            return _TEXTS.get(declared.get("format", ""), declared["type"])
        case "integer" | "boolean":
            return declared["type"]
    return "any"


def _leaf(definition: Mapping[str, Any]) -> Any:
    if definition.get("type") == "object":
        return ["map", "any"]
    return _TEXTS.get(definition.get("format", ""), "any")


def _is_leaf(definition: Mapping[str, Any]) -> bool:
    return "properties" not in definition


def _short(name: str) -> str:
    """Return the name of a definition without what all names share."""
    return ".".join(name.split(".")[-3:])


if __name__ == "__main__":
    schema.FILE.write_text(as_text(schema_of(json.load(sys.stdin))))
