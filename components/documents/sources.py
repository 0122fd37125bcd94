"""Manifests as `kubectl apply -f` takes them: files, folders, and kustomizations.

A folder stands for its files with the extensions that kubectl knows, by name, without its
subfolders. A folder with a kustomization stands for what `kubectl kustomize` makes of it.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from components.documents import checks, reading
from components.documents.origin import ManifestError, Read, shown
from components.documents.value import ReadingError
from foundation.errors import ToolMissing, shortened
from toolchain import patience, tools

EXTENSIONS = (".json", ".yaml", ".yml")
"""Files of a folder that are read. Source: FileExtensions of k8s.io/cli-runtime."""

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What makes a folder a kustomization. Source: RecognizedKustomizationFileNames of kustomize."""

_CHART = "Chart.yaml"
"""What makes a folder a chart of Helm."""

_KUSTOMIZE_SECONDS = 120
"""A kustomization may name a base in the internet."""

_TOLD = "no such file or directory"
"""The error of kubectl kustomize that is shown: others may quote a value, and that a Secret's."""

_SHOWN = 300
"""Characters of it that are shown."""


def load(
    sources: Path | Sequence[Path],
    namespaces: Collection[str] | None = None,
    later: Callable[[ManifestError], None] | None = None,
) -> list[dict[str, Any]]:
    """Return the objects of a manifest, in their order; those of a list stand for the list.

    Each has text for apiVersion, kind and metadata.name, and no metadata.namespace that is empty
    or without effect. `namespaces` are those that the clusters have beside the manifest's; with
    them an object in any other is refused. `later` takes what an API server of another version may
    take, such as an unknown field; without it that is refused. Raises ManifestError, which names
    the file and the document, counted from 1.
    """
    paths = [sources] if isinstance(sources, Path) else sources
    found = [each for path in paths for each in _read(path)]
    if not found:
        raise ManifestError(f"{named(sources)} holds no Kubernetes object; write one there")
    return checks.checked(found, namespaces, later)


def named(sources: Path | Sequence[Path]) -> str:
    """Return the manifest's name for people: its path, or its paths."""
    return ", ".join(map(shown, [sources] if isinstance(sources, Path) else sources))


def _read(path: Path) -> Iterator[Read]:
    if path.is_file() and path.name in KUSTOMIZATIONS:
        raise ManifestError(f"{shown(path)} is a kustomization; name its folder")
    if not path.is_dir():
        yield from _objects(_bytes(path), shown(path))
        return
    if any((path / name).is_file() for name in KUSTOMIZATIONS):
        yield from _objects(_kustomized(path), f"{shown(path)} (by kubectl kustomize)")
        return
    if (path / _CHART).is_file():
        raise ManifestError(
            f"{shown(path)} is a Helm chart; render it: helm template NAME"
            f" {shlex.quote(shown(path))} > app.yaml"
        )
    files = [each for each in path.iterdir() if each.suffix in EXTENSIONS and not each.is_dir()]
    if not files:
        raise ManifestError(
            f"{shown(path)} has no file that ends in {', '.join(EXTENSIONS)}, and no "
            f"{KUSTOMIZATIONS[0]}; name another folder, or put a manifest there"
        )
    for file in sorted(files):
        yield from _objects(_bytes(file), shown(file))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ManifestError(f"{shown(file)} cannot be read: {error.strerror}") from None


def _objects(data: bytes, file: str) -> Iterator[Read]:
    try:
        documents = list(reading.values(data))
    except ReadingError as error:
        template = "; it looks like a template: render it (helm template)" if b"{{" in data else ""
        raise ManifestError(f"{file} is not YAML: {error}{template}") from None
    for number, (_, value) in enumerate(documents, start=1):
        position = f"document {number}"
        try:
            found = reading.objects(value)
        except ReadingError as error:
            raise ManifestError(f"{file}, {position}{error}") from None
        one = len(found) == 1 and found[0] is value
        for item, each in enumerate(found, start=1):
            yield Read(each, file, position if one else f"{position}, item {item}")


def _kustomized(folder: Path) -> bytes:
    """Return what `kubectl kustomize` writes. Raises ManifestError with what it complains of."""
    try:
        kubectl: str | None = str(tools.path("kubectl"))
    except ToolMissing:
        kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ManifestError(
            f"{shown(folder)} is a kustomization, which needs kubectl; build it: ./demo setup"
        )
    seconds = patience.scaled(_KUSTOMIZE_SECONDS)
    try:
        done = subprocess.run(
            [kubectl, "kustomize", str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ManifestError(
            f"kubectl kustomize {shown(folder)} took more than {seconds:.0f} s and was ended"
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("error: ")
        told = f": {shortened(said, _SHOWN)}" if _TOLD in said else "; run it to see why"
        raise ManifestError(f"kubectl kustomize {shown(folder)} fails{told}")
    return done.stdout
