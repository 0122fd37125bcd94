"""kubectl's own reading of many texts at once, as the reference for ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolchain import tools

_ABSENT = "there-is-no-such-annotation-"
_LIST = b"items"


def objects(texts: Sequence[bytes], folder: Path) -> list[list[Any] | None]:
    """Return the objects that kubectl reads in each text, None for one that it refuses.

    `annotate --local` takes an annotation away that no object has, which leaves the objects as
    they were read but for an empty `metadata.annotations`. Between any two texts is a file of
    ours, so that the output can be told apart.
    """
    found = {n: _alone(text, folder / f"{n}.yaml") for n, text in enumerate(texts) if _LIST in text}
    others = [number for number in range(len(texts)) if number not in found]
    for number in others:
        (folder / f"{number:06d}a.yaml").write_bytes(texts[number])
        mark = {"apiVersion": "mark/v1", "kind": "Mark", "metadata": {"name": str(number)}}
        (folder / f"{number:06d}b.json").write_text(json.dumps(mark))
    current: list[Any] = []
    values, complaints, _ = _read(folder)
    for value in values:
        if value["kind"] == "Mark":
            number = int(value["metadata"]["name"])
            refused = f"{number:06d}a.yaml" in complaints
            found[number] = None if refused else current
            current = []
        else:
            current.append(value)
    assert len(found) == len(texts), complaints
    return [found[number] for number in range(len(texts))]


def _alone(text: bytes, file: Path) -> list[Any] | None:
    """Return what kubectl reads in one text: it does not say in which file a list is wrong."""
    file.write_bytes(text)
    values, _, code = _read(file)
    file.unlink()
    return None if code else values


def _read(path: Path) -> tuple[list[Any], str, int]:
    done = subprocess.run(
        [tools.path("kubectl"), "annotate", "--local", "-f", path, "-o", "json", _ABSENT],
        capture_output=True,
        check=False,
    )
    decoder, at, values = json.JSONDecoder(), 0, []
    said = done.stdout.decode().strip()
    while at < len(said):
        value, end = decoder.raw_decode(said, at)
        values.append(value)
        at = end + len(said[end:]) - len(said[end:].lstrip())
    return values, done.stderr.decode(errors="replace"), done.returncode
