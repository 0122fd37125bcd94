"""The YAML documents of a manifest, as kubectl reads them.

kubectl splits the text into documents itself: see k8s.io/apimachinery v0.37 (util/yaml/decoder.go).
What a document says follows go-yaml v2.4. libyaml does the parsing. Errors name the line and show
no value, which may be a Secret's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from components.documents import scalars
from components.documents.value import ReadingError, Value

_LINE = b"\n"
_SEPARATOR = b"---"
_PARSER: Any = yaml.cyaml.CParser  # type: ignore[attr-defined]


def values_of(data: bytes, lines_before: int) -> Iterator[Value]:
    """Yield what the YAML documents say; lines count from `lines_before`. Raises ReadingError."""
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
        self._chunk = chunk
        self._parser = _PARSER(chunk)
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

    def _check_tag(self, event: Any) -> None:
        """Refuse a tag right before a comma, which go-yaml counts as a part of it."""
        text = self._chunk.decode("utf-8-sig", errors="replace")
        begin, end = event.start_mark.index, event.end_mark.index
        tag = text[begin:end].split()[-1:]
        if tag and tag[0].startswith("!") and text[end : end + 1] == ",":
            what = "kubectl takes the comma for a part of the tag before it; put a space between"
            raise _Refused(what, event.start_mark.line)

    def _scalar(self, event: Any) -> scalars.Scalar:
        if event.tag is not None and not event.value:
            self._check_tag(event)
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
        written: dict[str, scalars.Scalar] = {}
        while type(event := next_event()) is not yaml.MappingEndEvent:
            if _is_merge(event):
                self._merge(result, next_event())
                continue
            key, meant = self._key(event)
            earlier = written.setdefault(key, meant)
            if type(earlier) is not type(meant) or earlier != meant:
                what = f"{earlier!r} and {meant!r} are one key, of which kubectl takes either value"
                raise _Refused(what, event.start_mark.line)
            result[key] = self._node(next_event())
        return result

    def _key(self, event: Any) -> tuple[str, scalars.Scalar]:
        """Return a key as JSON has it, and as YAML has it: its number is not made one of JSON."""
        line = event.start_mark.line
        try:
            if type(event) is yaml.ScalarEvent:
                self._nodes += 1
                meant = self._scalar(event)
                if event.anchor is not None:
                    anchor = self._anchors[event.anchor] = _Anchor()
                    anchor.value, anchor.size, anchor.complete = self._json(event, meant), 1, True
                return scalars.key(meant), meant
            meant = self._node(event)
            if isinstance(meant, dict | list):
                raise ValueError("a mapping's key must be a scalar")
            return scalars.key(meant), meant
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
            what = "there is no anchor before this alias; put a text that begins with '*' in quotes"
            raise _Refused(what, line)
        if not anchor.complete:
            raise _Refused("the value of an anchor contains itself", line)
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
