"""Faults of the application's pods."""

from __future__ import annotations

from drills.faults import deployments, processes, runtime
from drills.faults.model import Fault, Kind, Layer, Moves, Place
from drills.site import PORTAL

_SELECTOR = "app=web-portal"


def _gone(place: Place) -> None:
    deployments.scale_to_zero(place, PORTAL, _SELECTOR)


def _restore(place: Place) -> None:
    deployments.restore(place, PORTAL)


def _gone_seen(place: Place) -> bool:
    return deployments.is_gone(place, PORTAL)


def _kill_one(place: Place) -> None:
    if place.site.is_local:
        processes.kill_one(place, processes.PORTAL)
    else:
        deployments.delete_one_pod(place, PORTAL, _SELECTOR)


def _wait(place: Place) -> None:
    deployments.wait_ready(place, PORTAL)


def _freeze(place: Place) -> None:
    processes.freeze(place, processes.PORTAL)


def _thaw(place: Place) -> None:
    processes.thaw(place, processes.PORTAL)
    deployments.wait_ready(place, PORTAL)


def _frozen(place: Place) -> bool:
    return processes.is_frozen(place, processes.PORTAL)


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
    deployments.spoil_image(place, PORTAL)


def _good_image(place: Place) -> None:
    deployments.restore_image(place, PORTAL)


def _image_seen(place: Place) -> bool:
    return deployments.is_spoilt(place, PORTAL)


def _restart(place: Place) -> None:
    deployments.restart(place, PORTAL)


FAULTS = (
    Fault(
        "workload-gone",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Scales web-portal to no pods.",
        _gone,
        _restore,
        seen=_gone_seen,
    ),
    Fault(
        "pod-killed",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Kills one pod of web-portal, without a word to anybody.",
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
        "Every answer of web-portal takes two seconds longer; its readiness says well.",
        _slow,
        _good_again,
        seen=_slow_seen,
    ),
    Fault(
        "pods-errors-some",
        Layer.WORKLOAD,
        Kind.WRONG,
        "One request in five to web-portal fails with 503; its readiness says well.",
        _some_errors,
        _good_again,
        moves=Moves.SOME,
        seen=_some_errors_seen,
    ),
    Fault(
        "pods-errors",
        Layer.WORKLOAD,
        Kind.WRONG,
        "Every request to web-portal fails with 503; its readiness says well.",
        _errors,
        _good_again,
        seen=_errors_seen,
    ),
    Fault(
        "version-bad",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Rolls out a version of web-portal that never becomes ready.",
        _bad_image,
        _good_image,
        moves=Moves.NONE,
        seen=_image_seen,
    ),
    Fault(
        "version-good",
        Layer.WORKLOAD,
        Kind.REFUSES,
        "Replaces every pod of web-portal, as a good new version does.",
        _restart,
        _wait,
        moves=Moves.SOME,
    ),
)
"""All of this layer, in the order of a talk."""
