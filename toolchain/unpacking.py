"""The products of a downloaded file, taken out of it and checked.

Only the standard library is used, but by `check`: downloads begin before the virtual environment
exists.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from toolchain import download, pins, published


def unpack(part: Path, source: published.Source, folder: Path) -> None:
    """Copy the products of a downloaded file into `folder`, as executables. Raises Refused.

    Nothing else of an archive is written, and nothing where the archive would have it.
    """
    for product, inside in source.products:
        target = folder / product
        if not inside:
            shutil.copyfile(part, target)
        else:
            _member(part, inside, target, source.url)
        target.chmod(0o755)


def _member(archive: Path, inside: str, target: Path, url: str) -> None:
    try:
        with tarfile.open(archive) as tar:
            names = set(tar.getnames())
            found = next((n for n in (inside, f"./{inside}") if n in names), None)
            stream = tar.extractfile(found) if found else None
            if stream is None:
                raise download.Refused(f"{url} has no file {inside}")
            with stream, target.open("wb") as file:
                shutil.copyfileobj(stream, file)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise download.Refused(f"{url} is no archive: {error}") from None


def check(module: pins.Module, folder: Path, products: Iterable[str]) -> None:
    """Refuse products in `folder` that do not tell the published version, or do not run here."""
    from toolchain import ambient  # it needs a package

    release = published.of(module)
    wanted = (release.version if release else module.version).removeprefix("v")
    for name in products:
        question = published.question(module, name)
        if question is None:
            continue  # it tells no version: the checksum has to do
        answer = ambient.ask([str(folder / name), *question])
        version = ambient.version_in(answer)
        if version is None:
            raise download.Refused(f"{name} as published does not run on this machine")
        if version != wanted:
            raise download.Refused(f"{name} as published is {version}, but {wanted} is expected")
        says = next((b.says for b in module.binaries if b.name == name), "")
        if says not in answer:
            raise download.Refused(f"{name} as published comes without {says}")
