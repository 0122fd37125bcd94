"""Inputs against the types of the Python SDK: names, what is required, kinds of values."""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi import _types

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that is not known yet."""

_SAID_BY_ENGINE = ("__defaults",)


def of(token: str) -> type:
    """Gives the class of the inputs of a resource type. Raises LookupError if there is none."""
    package, module, name = token.split(":")
    try:
        found = importlib.import_module(f"pulumi_gcp.{module.partition('/')[0]}")
        return getattr(found, f"{name}Args")  # type: ignore[no-any-return]
    except (ImportError, AttributeError):
        raise LookupError(f"{package} has no resource {token}") from None


def provider() -> type:
    """Gives the class of the provider's own inputs."""
    return importlib.import_module("pulumi_gcp").ProviderArgs  # type: ignore[no-any-return]


def wrong(inputs: Mapping[str, Any], kind: type, where: str = "") -> Iterator[tuple[str, str]]:
    """Gives every input that the class does not have, lacks or has of another kind, and why."""
    names = _types.input_type_py_to_pulumi_names(kind)
    known = _types.input_type_types(kind)
    for name, parameter in inspect.signature(kind.__init__).parameters.items():  # type: ignore[misc]
        needed = name in names and parameter.default is inspect.Parameter.empty
        if needed and names[name] not in inputs:
            yield f"{where}{names[name]}", "is required"
    for name, value in inputs.items():
        if name in _SAID_BY_ENGINE:
            continue
        if name not in known:
            yield f"{where}{name}", f"is not an input of {kind.__name__}"
        else:
            yield from _wrong_value(value, known[name], f"{where}{name}")


def _wrong_value(value: Any, kind: Any, where: str) -> Iterator[tuple[str, str]]:
    if value == UNKNOWN:
        return
    kind = _plain(kind)
    origin = typing.get_origin(kind)
    if origin in (collections.abc.Sequence, list):
        if not isinstance(value, list):
            yield where, "must be a list"
            return
        for index, entry in enumerate(value):
            yield from _wrong_value(entry, typing.get_args(kind)[0], f"{where}[{index}]")
    elif origin in (collections.abc.Mapping, dict):
        if not isinstance(value, dict):
            yield where, "must be a map"
            return
        for key, entry in value.items():
            yield from _wrong_value(entry, typing.get_args(kind)[1], f"{where}.{key}")
    elif isinstance(kind, type) and _types.is_input_type(kind):
        if not isinstance(value, dict):
            yield where, f"must be a {kind.__name__}"
            return
        yield from wrong(value, kind, f"{where}.")
    elif not _fits(value, kind):
        yield where, f"must be of type {kind.__name__}, is {value!r}"


def _plain(kind: Any) -> Any:
    """Gives T for what may be given as T, as nothing, or as an output of T."""
    while typing.get_origin(kind) is typing.Union:
        kind = next(
            each
            for each in typing.get_args(kind)
            if each is not type(None)
            and getattr(typing.get_origin(each) or each, "__name__", "")
            not in ("Awaitable", "Output")
        )
    return kind


def _fits(value: Any, kind: type) -> bool:
    if kind is bool:
        return isinstance(value, bool)
    if kind in (int, float):
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        return numeric and (kind is float or float(value).is_integer())
    return isinstance(value, kind)
