"""Faults of the application's pods."""

from __future__ import annotations

from drills.application import ROLLED_OUT, SCALABLE
from drills.faults import deployments, fields, processes, runtime
from drills.faults.model import Fault, Kind, Layer, Moves, Place

_ANSWERS = "its Envoy delays and aborts requests on demand"


def _gone(place: Place) -> None:
    known = place.site.application
    deployments.scale_to_zero(place, known.workload, known.label_selector)


def _size(place: Place) -> dict[str, str]:
    return fields.remember(place, deployments.replicas(place.site.application.workload))


def _restore(place: Place) -> None:
    deployments.restore(place, place.site.application.workload)


def _gone_seen(place: Place) -> bool:
    return deployments.is_gone(place, place.site.application.workload)


def _kill_one(place: Place) -> None:
    known = place.site.application
    if place.site.is_local:
        processes.kill(processes.of_application(place)[0])
    else:
        deployments.delete_one_pod(place, known.namespace, known.label_selector)


def _wait(place: Place) -> None:
    deployments.wait_ready(place, place.site.application.workload)


def _what(place: Place) -> str:
    return f"{place.site.application.name} of {place.cluster}"


def _freeze(place: Place) -> None:
    pids = [pid for pod in processes.of_application(place) for pid in pod]
    processes.freeze(pids, _what(place))


def _thaw(place: Place) -> None:
    processes.thaw(lambda: processes.of_other_pods(place), _what(place))
    _wait(place)


def _frozen(place: Place) -> bool:
    return processes.is_frozen(processes.of_other_pods(place))


def _slow(place: Place) -> None:
    runtime.set_all(place, {runtime.DELAY: 100})


def _some_errors(place: Place) -> None:
    runtime.set_all(place, {runtime.ABORT: 20})


def _errors(place: Place) -> None:
    runtime.set_all(place, {runtime.ABORT: 100})


def _slow_seen(place: Place) -> bool:
    return runtime.is_set(place, runtime.DELAY, 100)


def _some_errors_seen(place: Place) -> bool:
    return runtime.is_set(place, runtime.ABORT, 20)


def _errors_seen(place: Place) -> bool:
    return runtime.is_set(place, runtime.ABORT, 100)


def _good_again(place: Place) -> None:
    runtime.set_all(place, {runtime.DELAY: None, runtime.ABORT: None})


def _bad_image(place: Place) -> None:
    known = place.site.application
    deployments.spoil_image(place, known.workload, known.label_selector)


def _image(place: Place) -> dict[str, str]:
    workload = place.site.application.workload
    return fields.remember(place, deployments.image(place, workload))


def _good_image(place: Place) -> None:
    deployments.restore_image(place, place.site.application.workload)


def _image_seen(place: Place) -> bool:
    return deployments.is_spoilt(place, place.site.application.workload)


def _restart(place: Place) -> None:
    deployments.restart(place, place.site.application.workload)


def _unrestarted(place: Place) -> dict[str, str]:
    return fields.remember(place, deployments.restarted(place.site.application.workload))


def _roll_back(place: Place) -> None:
    deployments.roll_back(place, place.site.application.workload)


def _restarted(place: Place) -> bool:
    return deployments.is_restarted(place, place.site.application.workload)


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
