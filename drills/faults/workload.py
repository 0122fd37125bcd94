"""Faults of the application's pods."""

from __future__ import annotations

from drills.application import ROLLED_OUT, SCALABLE
from drills.faults import deployments, fields, processes, runtime
from drills.faults.model import Fault, Kind, Layer, Moves, Strike

_ANSWERS = "its Envoy delays and aborts requests on demand"


def _gone(strike: Strike) -> None:
    known = strike.stack.application
    deployments.scale_to_zero(strike, known.workload, known.label_selector)


def _size(strike: Strike) -> dict[str, str]:
    return fields.remember(strike, deployments.replicas(strike.stack.application.workload))


def _restore(strike: Strike) -> None:
    deployments.restore(strike, strike.stack.application.workload)


def _gone_seen(strike: Strike) -> bool:
    return deployments.is_gone(strike, strike.stack.application.workload)


def _kill_one(strike: Strike) -> None:
    known = strike.stack.application
    if strike.stack.is_local:
        processes.kill(processes.of_application(strike)[0])
    else:
        deployments.delete_one_pod(strike, known.namespace, known.label_selector)


def _wait(strike: Strike) -> None:
    deployments.wait_ready(strike, strike.stack.application.workload)


def _what(strike: Strike) -> str:
    return f"{strike.stack.application.name} of {strike.cluster}"


def _freeze(strike: Strike) -> None:
    pids = [pid for pod in processes.of_application(strike) for pid in pod]
    processes.freeze(pids, _what(strike))


def _thaw(strike: Strike) -> None:
    processes.thaw(lambda: processes.of_other_pods(strike), _what(strike))
    _wait(strike)


def _frozen(strike: Strike) -> bool:
    return processes.is_frozen(processes.of_other_pods(strike))


def _slow(strike: Strike) -> None:
    runtime.set_all(strike, {runtime.DELAY: 100})


def _some_errors(strike: Strike) -> None:
    runtime.set_all(strike, {runtime.ABORT: 20})


def _errors(strike: Strike) -> None:
    runtime.set_all(strike, {runtime.ABORT: 100})


def _slow_seen(strike: Strike) -> bool:
    return runtime.is_set(strike, runtime.DELAY, 100)


def _some_errors_seen(strike: Strike) -> bool:
    return runtime.is_set(strike, runtime.ABORT, 20)


def _errors_seen(strike: Strike) -> bool:
    return runtime.is_set(strike, runtime.ABORT, 100)


def _good_again(strike: Strike) -> None:
    runtime.set_all(strike, {runtime.DELAY: None, runtime.ABORT: None})


def _bad_image(strike: Strike) -> None:
    known = strike.stack.application
    deployments.spoil_image(strike, known.workload, known.label_selector)


def _image(strike: Strike) -> dict[str, str]:
    workload = strike.stack.application.workload
    return fields.remember(strike, deployments.image(strike, workload))


def _good_image(strike: Strike) -> None:
    deployments.restore_image(strike, strike.stack.application.workload)


def _image_seen(strike: Strike) -> bool:
    return deployments.is_spoilt(strike, strike.stack.application.workload)


def _restart(strike: Strike) -> None:
    deployments.restart(strike, strike.stack.application.workload)


def _unrestarted(strike: Strike) -> dict[str, str]:
    return fields.remember(strike, deployments.restarted(strike.stack.application.workload))


def _roll_back(strike: Strike) -> None:
    deployments.roll_back(strike, strike.stack.application.workload)


def _restarted(strike: Strike) -> bool:
    return deployments.is_restarted(strike, strike.stack.application.workload)


FAULTS = (
    Fault(
        "workload-gone",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Scales the application to no pods.",
        _gone,
        _restore,
        workloads=SCALABLE,
        seen=_gone_seen,
        remember=_size,
    ),
    Fault(
        "pod-killed",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Kills one pod of the application, without a word to anybody.",
        _kill_one,
        _wait,
        moves=Moves.SOME,
    ),
    Fault(
        "pods-hang",
        Layer.WORKLOAD,
        Kind.HANGS,
        "Stops the processes of all pods: they accept connections and never answer.",
        _freeze,
        _thaw,
        machine="the pods' processes are stopped by a signal",
        seen=_frozen,
    ),
    Fault(
        "pods-slow",
        Layer.WORKLOAD,
        Kind.WRONG,
        "Every answer of the application takes two seconds longer; its readiness says well.",
        _slow,
        _good_again,
        portal=_ANSWERS,
        seen=_slow_seen,
    ),
    Fault(
        "pods-errors-some",
        Layer.WORKLOAD,
        Kind.WRONG,
        "One request in five to the application fails with 503; its readiness says well.",
        _some_errors,
        _good_again,
        moves=Moves.SOME,
        portal=_ANSWERS,
        seen=_some_errors_seen,
    ),
    Fault(
        "pods-errors",
        Layer.WORKLOAD,
        Kind.WRONG,
        "Every request to the application fails with 503; its readiness says well.",
        _errors,
        _good_again,
        portal=_ANSWERS,
        seen=_errors_seen,
    ),
    Fault(
        "version-bad",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Rolls out a version of the application that never becomes ready.",
        _bad_image,
        _good_image,
        moves=Moves.NONE,
        workloads=("Deployment",),
        seen=_image_seen,
        remember=_image,
    ),
    Fault(
        "version-good",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Replaces every pod of the application, as a good new version does, and rolls back.",
        _restart,
        _roll_back,
        moves=Moves.SOME,
        workloads=ROLLED_OUT,
        seen=_restarted,
        remember=_unrestarted,
    ),
)
"""All of this layer, in the order of a talk."""
