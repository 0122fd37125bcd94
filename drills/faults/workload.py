"""Faults of the application's pods."""

from __future__ import annotations

from drills.application import ROLLED_OUT, SCALABLE
from drills.faults import deployments, processes, runtime
from drills.faults.deployments import application, ready
from drills.faults.model import Fault, Kind, Layer, Moves, Strike, either

_ANSWERS = "its Envoy delays and aborts requests on demand"


def _pods(strike: Strike) -> list[int]:
    return [pid for pod in processes.of_application(strike) for pid in pod]


def _first_pod(strike: Strike) -> list[int]:
    return processes.of_application(strike)[0]


FAULTS = (
    Fault(
        "workload-gone",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Scales the application to no pods.",
        deployments.scaled_to_zero(application),
        workloads=SCALABLE,
    ),
    Fault(
        "pod-killed",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Kills one pod of the application, without a word to anybody.",
        either(
            local=processes.killed(_first_pod, ready(application), processes.remember),
            elsewhere=deployments.pod_deleted(application),
        ),
        moves=Moves.SOME,
    ),
    Fault(
        "pods-hang",
        Layer.WORKLOAD,
        Kind.HANGS,
        "Stops the processes of all pods: they accept connections and never answer.",
        processes.frozen(_pods, processes.of_other_pods, ready(application), processes.remember),
    ),
    Fault(
        "pods-slow",
        Layer.WORKLOAD,
        Kind.WRONG,
        "Every answer of the application takes two seconds longer; its readiness says well.",
        runtime.percentage(runtime.DELAY, 100),
        portal=_ANSWERS,
    ),
    Fault(
        "pods-errors-some",
        Layer.WORKLOAD,
        Kind.WRONG,
        "One request in five to the application fails with 503; its readiness says well.",
        runtime.percentage(runtime.ABORT, 20),
        moves=Moves.SOME,
        portal=_ANSWERS,
    ),
    Fault(
        "pods-errors",
        Layer.WORKLOAD,
        Kind.WRONG,
        "Every request to the application fails with 503; its readiness says well.",
        runtime.percentage(runtime.ABORT, 100),
        portal=_ANSWERS,
    ),
    Fault(
        "version-bad",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Rolls out a version of the application that never becomes ready.",
        deployments.without_image(application),
        moves=Moves.NONE,
        workloads=("Deployment",),
    ),
    Fault(
        "version-good",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Replaces every pod of the application, as a good new version does, and rolls back.",
        deployments.rolled(application),
        moves=Moves.SOME,
        workloads=ROLLED_OUT,
    ),
)
"""All of this layer, in the order of a talk."""
