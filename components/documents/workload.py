"""What is behind a Service: the pod of the workload that it selects, its port and its probe.

Values of a wrong type count as absent: `components.documents.checks` has refused those that matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from foundation.identity import DEFAULT_NAMESPACE, mapping
from foundation.pod_template import pod_template

Document = Mapping[str, Any]


def templates(document: Document) -> Iterator[tuple[str, Document]]:
    """Yield the pods that a document describes, each with the path of its field.

    What has no containers describes none, unless it is a Pod.
    """
    path, template = pod_template(document)
    if not path or isinstance(mapping(template.get("spec")).get("containers"), list):
        yield path, template


def serving(
    service: Document, port: Mapping[str, Any], documents: Sequence[Document]
) -> tuple[Document, Document] | None:
    """Return the workload behind a Service's port, and its pod; None if the manifest has none.

    Of several that the Service selects it is the first one that declares the port. What has no pods
    comes last, a Job too: it may carry the labels of the workload that it migrates.
    """

    def rank(found: tuple[Document, Document]) -> tuple[bool, bool]:
        document, pod = found
        return _declares(pod, port), _has_pods(document)

    return max(_selected(service, documents), key=rank, default=None)  # the first of equals


def target_ports(
    service: Document, port: Mapping[str, Any], documents: Sequence[Document]
) -> dict[int, str]:
    """Return the container's port in each workload behind a Service's port: number -> name."""
    found: dict[int, str] = {}
    for document, pod in _selected(service, documents):
        if _has_pods(document) and (number := target_port(port, pod)) is not None:
            found.setdefault(number, f"{document.get('kind')} {document['metadata']['name']}")
    return found


def _has_pods(document: Document) -> bool:
    """Say whether pods of a workload are there for good, and not none, or those of a job."""
    is_job = document.get("kind") in ("Job", "CronJob")
    return not is_job and mapping(document.get("spec")).get("replicas") != 0


def _selected(
    service: Document, documents: Sequence[Document]
) -> Iterator[tuple[Document, Document]]:
    selector = mapping(mapping(service.get("spec")).get("selector"))
    for document in documents:
        if _namespace(document) != _namespace(service):
            continue
        for _, template in templates(document):
            labels = mapping(mapping(template.get("metadata")).get("labels"))
            if all(labels.get(key) == value for key, value in selector.items()):
                yield document, mapping(template.get("spec"))


def _declares(pod: Document, port: Mapping[str, Any]) -> bool:
    number = target_port(port, pod)
    declared = (
        candidate.get("containerPort")
        for container in containers(pod)
        for candidate in mappings(container.get("ports"))
    )
    return number is not None and number in declared


def target_port(port: Mapping[str, Any], pod: Document | None) -> int | None:
    """Return the number of the container's port; None if no container has a port of that name."""
    target = port.get("targetPort")
    if target in (None, "", 0):
        target = port.get("port")
    if isinstance(target, int):
        return target
    protocol = port.get("protocol") or "TCP"
    for container in containers(pod):
        for candidate in mappings(container.get("ports")):
            if candidate.get("name") != target:
                continue
            number = candidate.get("containerPort")
            if (candidate.get("protocol") or "TCP") == protocol and isinstance(number, int):
                return number
    return None


SENT_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F)))
"""What may be sent of a path without encoding it."""


def readiness_path(pod: Document | None, target: int) -> str | None:
    """Return the path of the readiness probe on the exposed port, if the workload has one."""
    if not (probe := readiness_probe(pod, target)):
        return None
    path = mapping(probe.get("httpGet")).get("path")
    # as the kubelet does
    asked = path.partition("#")[0].lstrip("/") if isinstance(path, str) else ""
    return f"/{quote(asked, safe=SENT_AS_IT_IS)}"


def readiness_probe(pod: Document | None, target: int) -> Document | None:
    """Return the readiness probe that asks for a page of the exposed port, if there is one."""
    return next(_probes(pod, target, "httpGet", _PROBES[:1]), None)


def probed_by(pod: Document | None, target: int) -> set[str]:
    """Return in what probes ask the exposed port: `HTTP`, `HTTPS` or `gRPC`."""
    pages = _probes(pod, target, "httpGet", _PROBES)
    found = {str(mapping(probe.get("httpGet")).get("scheme") or "HTTP") for probe in pages}
    return found | {"gRPC" for _ in _probes(pod, target, "grpc", _PROBES)}


_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


def _probes(
    pod: Document | None, target: int, action: str, kinds: Sequence[str]
) -> Iterator[Document]:
    """Yield the probes of these kinds that ask the exposed port by an action."""
    for container in containers(pod):
        ports = [target]
        for each in mappings(container.get("ports")):
            if each.get("name") and each.get("containerPort") == target:
                ports.append(each["name"])
        for kind in kinds:
            probe = mapping(container.get(kind))
            asked = mapping(probe.get(action))
            if asked and asked.get("port") in ports:
                yield probe


def containers(pod: Document | None) -> Iterator[Document]:
    """Yield the containers that run as long as the pod: native sidecars are among them."""
    given = pod or {}
    yield from mappings(given.get("containers"))
    for container in mappings(given.get("initContainers")):
        if container.get("restartPolicy") == "Always":
            yield container


def _namespace(document: Document) -> Any:
    return mapping(document.get("metadata")).get("namespace") or DEFAULT_NAMESPACE


def mappings(value: Any) -> Iterator[Document]:
    """Yield the mappings that a list holds; none of anything else."""
    for each in value if isinstance(value, list) else ():
        if isinstance(each, Mapping):
            yield each
