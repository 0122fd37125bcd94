"""Text of a manifest to objects, exactly as kubectl reads it.

kubectl takes the text for a run of JSON values while it can, and reads the rest as YAML, document
by document. The rules are those of k8s.io/apimachinery v0.37 (util/yaml/decoder.go) and of
k8s.io/cli-runtime (resource/visitor.go).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

from components.documents import json_values, yaml_values
from components.documents.value import ReadingError, Value

_LOOKED_AT = 4096
"""So many bytes decide whether a file may be JSON."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def values(data: bytes) -> Iterator[Value]:
    """Yield what the documents of a file say, in their order. Raises ReadingError.

    Documents that are empty, or nothing but comments, are left out.
    """
    data = _utf8(data)
    start = 0
    if data[:_LOOKED_AT].decode(errors="replace").lstrip().startswith("{"):
        found, start, problem = json_values.values_of(data)
        yield from found
        if problem:
            if len(found) > 1:
                raise problem
            start = json_values.after_space(data, start, problem)
    if start < len(data):
        yield from yaml_values.values_of(data[start:], data.count(b"\n", 0, start))


def _utf8(data: bytes) -> bytes:
    """Return the text in UTF-8, whatever its byte order mark says that it is in."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace").encode()
    return data.decode(errors="replace").encode()


def objects(value: Any) -> list[Any]:
    """Return the objects of a document: itself, or the items if it is a list of objects.

    Whatever has `items` is a list, of whatever kind. Items of a typed list, such as a
    ConfigMapList, need neither apiVersion nor kind. Raises ReadingError; the text is to stand
    behind the document's file and number.
    """
    if not isinstance(value, dict):
        raise ReadingError(" is not a Kubernetes object; it needs apiVersion and kind")
    if not _text(value.get("kind")):
        raise ReadingError(" has no kind; add it")
    if "items" not in value:
        return [_typed(value, "")]
    items = value["items"]
    if not isinstance(items, list | None):
        raise ReadingError(f" ({value['kind']}): items is no list")
    found = []
    for number, item in enumerate(items or [], start=1):
        where = f", item {number}"
        if not isinstance(item, dict | None):
            raise ReadingError(f"{where} is not a Kubernetes object")
        inner = dict(item or {})
        if not _text(inner.get("kind")) and not _text(inner.get("apiVersion")):
            inner["kind"] = value["kind"].removesuffix("List")
            inner["apiVersion"] = value.get("apiVersion")
        if isinstance(inner.get("items"), list):
            raise ReadingError(f"{where} is a list itself, which kubectl does not take")
        found.append(_typed(inner, where))
    return found


def _typed(value: dict[str, Any], where: str) -> dict[str, Any]:
    for key in ("apiVersion", "kind"):
        if not _text(value.get(key)):
            raise ReadingError(f"{where} has no {key}; add it")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
