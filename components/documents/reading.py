"""Text of a manifest to objects, exactly as kubectl reads it.

kubectl splits the text itself, takes it for a run of JSON values while it can, and reads the rest
as YAML, document by document. The rules here are those of k8s.io/apimachinery v0.37
(util/yaml/decoder.go) and of k8s.io/cli-runtime (resource/visitor.go). libyaml does the parsing.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from components.documents import scalars

_LOOKED_AT = 4096
"""So many bytes decide whether a file may be JSON."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_LINE = b"\n"
_SEPARATOR = b"---"


class ReadingError(ValueError):
    """Text that kubectl does not read either; `line` is counted from 1, 0 where it is unknown."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {what}" if line else what)


class Value(NamedTuple):
    """What one document says: null documents are none."""

    line: int
    """The first line of the document, counted from 1."""
    value: Any
    """As `json.loads` would give it."""


def values(data: bytes) -> Iterator[Value]:
    """Yield what the documents of a file say, in their order. Raises ReadingError.

    Documents that are empty, or nothing but comments, are left out.
    """
    data = _utf8(data)
    start = 0
    if data[:_LOOKED_AT].decode(errors="replace").lstrip().startswith("{"):
        found, start, problem = _json_values(data)
        yield from found
        if problem:
            if len(found) > 1:
                raise problem
            start = _after_space(data, start, problem)
    if start < len(data):
        yield from _yaml_values(data[start:], data.count(_LINE, 0, start))


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


# JSON


def _json_values(data: bytes) -> tuple[list[Value], int, ReadingError | None]:
    """Return the JSON values at the beginning, where they end, and why no more can be read."""
    text = data.decode(errors="replace")
    decoder = json.JSONDecoder(
        parse_int=_json_int, parse_float=_json_float, parse_constant=_json_constant
    )
    found: list[Value] = []
    at = 0
    while True:
        begin = len(text) - len(text[at:].lstrip(" \t\r\n"))
        if begin == len(text):
            return found, len(data), None
        try:
            value, at_next = decoder.raw_decode(text, begin)
        except ReadingError:
            raise
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, getattr(error, "pos", begin)) + 1
            problem = ReadingError(str(error).partition(":")[0], line)
            return found, len(text[:at].encode()), problem
        if value is not None:
            found.append(Value(text.count("\n", 0, begin) + 1, _without_surrogates(value)))
        at = at_next


def _json_int(digits: str) -> int | float:
    return _json_float(digits) if len(digits) > 20 else scalars.number(int(digits))


def _json_float(digits: str) -> int | float:
    try:
        return scalars.number(float(digits))
    except ValueError:
        raise ReadingError(f"the number {digits[:20]} is too large") from None


def _json_constant(name: str) -> None:
    raise ValueError(f"JSON does not have {name}")


def _without_surrogates(value: Any) -> Any:
    """Return the value with halves of surrogate pairs replaced, as Go's reader does."""
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _after_space(data: bytes, start: int, problem: ReadingError) -> int:
    """Return where YAML may begin after JSON: behind white space, up to a line's end."""
    rest = data[start:].decode(errors="replace")
    for skipped, sign in enumerate(rest):
        if len(rest[skipped:].encode()) < 4:  # what kubectl looks at together
            break
        if not sign.isspace():
            return start + len(rest[:skipped].encode())
        if sign == "\n":
            return start + len(rest[: skipped + 1].encode())
    raise problem


# YAML


def _yaml_values(data: bytes, lines_before: int) -> Iterator[Value]:
    for line, chunk in _chunks(data, lines_before):
        try:
            value = _Document(chunk).value()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            what = error.problem or error.context or "it cannot be parsed"
            raise ReadingError(what, line + mark.line if mark else line) from None
        except yaml.YAMLError as error:
            raise ReadingError(" ".join(str(error).split()), line) from None
        except RecursionError:
            raise ReadingError("it is nested too deep", line) from None
        except _Refused as error:
            raise ReadingError(str(error), line + error.line) from None
        if value is not None:
            yield Value(line + _blank_lines(chunk), value)


def _chunks(data: bytes, lines_before: int) -> Iterator[tuple[int, bytes]]:
    """Yield line and text of each document: what is between lines that begin with `---`."""
    lines = data.split(_LINE)
    if not lines[-1]:
        lines.pop()
    current: list[bytes] = []
    begin = lines_before + 1
    last = len(lines) - 1
    for number, line in enumerate(lines):
        if number != last or data.endswith(_LINE):
            line = line.removesuffix(b"\r")
        if line.startswith(_SEPARATOR):
            after = line[len(_SEPARATOR) :].strip()
            here = lines_before + number + 1
            if after and not after.startswith(b"#"):
                said = after.decode(errors="replace")[:40]
                raise ReadingError(
                    f"kubectl wants nothing behind '---', and here is '{said}'", here
                )
            if current:
                yield begin, b"\n".join(current) + _LINE
                current = []
                begin = here + 1
                continue
            begin = here
        current.append(line)
    if current:
        yield begin, b"\n".join(current) + _LINE


def _blank_lines(chunk: bytes) -> int:
    """Return how many lines stand before the first that says something."""
    count = 0
    for line in chunk.split(_LINE):
        said = line.strip()
        if said and not said.startswith((b"#", _SEPARATOR)):
            break
        count += 1
    return count


class _Refused(ValueError):
    """What go-yaml refuses and libyaml does not; the line is counted from 0 in the chunk."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


class _Anchor:
    """A value that aliases stand for, and how many nodes it is; complete once it is known."""

    def __init__(self) -> None:
        self.value: Any = None
        self.size = 0
        self.complete = False


class _Document:
    """The first YAML document of a chunk, built from libyaml's events."""

    def __init__(self, chunk: bytes) -> None:
        self._parser = yaml.cyaml.CParser(chunk)
        self._anchors: dict[str, _Anchor] = {}
        self._nodes = 0
        self._aliased = 0

    def value(self) -> Any:
        """Return what the document says, None where there is none. Raises YAMLError, _Refused."""
        next_event = self._parser.get_event
        next_event()  # the stream's start
        if isinstance(next_event(), yaml.StreamEndEvent):
            return None
        result = self._node(next_event())
        next_event()  # the document's end; nothing behind it is read
        return result

    def _node(self, event: Any) -> Any:
        self._nodes += 1
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event)
        anchor = None
        if event.anchor is not None:
            anchor = self._anchors[event.anchor] = _Anchor()
            before = self._nodes - 1
        if kind is yaml.ScalarEvent:
            value: Any = self._json(event, self._scalar(event))
        elif kind is yaml.MappingStartEvent:
            value = self._mapping()
        else:
            value = self._sequence()
        if anchor:
            anchor.value, anchor.size, anchor.complete = value, self._nodes - before, True
        return value

    def _scalar(self, event: Any) -> scalars.Scalar:
        try:
            return scalars.resolved(event.value, event.tag, plain=event.implicit[0])
        except ValueError as error:
            raise _Refused(str(error), event.start_mark.line) from None

    def _json(self, event: Any, value: scalars.Scalar) -> scalars.Scalar:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        try:
            return scalars.number(value)
        except ValueError as error:
            raise _Refused(str(error), event.start_mark.line) from None

    def _sequence(self) -> list[Any]:
        next_event = self._parser.get_event
        result = []
        while type(event := next_event()) is not yaml.SequenceEndEvent:
            result.append(self._node(event))
        return result

    def _mapping(self) -> dict[str, Any]:
        next_event = self._parser.get_event
        result: dict[str, Any] = {}
        while type(event := next_event()) is not yaml.MappingEndEvent:
            if _is_merge(event):
                self._merge(result, next_event())
                continue
            key = self._key(event)
            result[key] = self._node(next_event())
        return result

    def _key(self, event: Any) -> str:
        """Return a key as JSON has it: a key's number is not made one of JSON first."""
        line = event.start_mark.line
        try:
            if type(event) is yaml.ScalarEvent:
                self._nodes += 1
                meant = self._scalar(event)
                if event.anchor is not None:
                    anchor = self._anchors[event.anchor] = _Anchor()
                    anchor.value, anchor.size, anchor.complete = self._json(event, meant), 1, True
                return scalars.key(meant)
            meant = self._node(event)
            if isinstance(meant, dict | list):
                raise ValueError("a mapping's key must be a scalar")
            return scalars.key(meant)
        except _Refused:
            raise
        except ValueError as error:
            raise _Refused(str(error), line) from None

    def _merge(self, into: dict[str, Any], event: Any) -> None:
        """Put the mappings that `<<` names into the mapping, over what it has so far."""
        line = event.start_mark.line
        sources = [self._node(event)]
        if type(event) is yaml.SequenceStartEvent:  # the first counts most
            sources = sources[0][::-1]
        for source in sources:
            if not isinstance(source, dict):
                raise _Refused("<< needs a mapping, or a list of mappings", line)
            into.update(source)

    def _alias(self, event: Any) -> Any:
        line = event.start_mark.line
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise _Refused(f"there is no anchor '{event.anchor}' before its alias", line)
        if not anchor.complete:
            raise _Refused(f"the value of anchor '{event.anchor}' contains itself", line)
        self._nodes += anchor.size
        self._aliased += anchor.size
        many = self._aliased > 100 and self._nodes > 1000
        if many and self._aliased / self._nodes > _allowed_ratio(self._nodes):
            raise _Refused("the document has too many aliases of aliases", line)
        return anchor.value


def _is_merge(event: Any) -> bool:
    return (
        type(event) is yaml.ScalarEvent
        and event.value == "<<"
        and (event.implicit[0] or event.tag == scalars.MERGE)
    )


def _allowed_ratio(nodes: int) -> float:
    """Return how much of a document may come from aliases, as go-yaml's decode.go has it."""
    low, high = 400_000, 4_000_000
    if nodes <= low:
        return 0.99
    return 0.10 if nodes >= high else 0.99 - 0.89 * (nodes - low) / (high - low)
