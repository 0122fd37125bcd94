"""One file with what a machine without a network needs: the tools, and the locked Python packages.

Only the standard library is used: a bundle is taken before the virtual environment exists.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from foundation import archives, files
from foundation.errors import UserError
from toolchain import pins, setup, store, tools, venv

CONTENTS = "bundle.json"
FORMAT = 1
TAKEN = "DEMO_BUNDLE_TAKEN"
"""Variable that tells the command inside the environment which bundle was taken outside of it."""

_DAMAGED = (
    tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, ValueError, KeyError, TypeError,
    AttributeError, FileNotFoundError,
)  # fmt: skip
_ANEW = "Make one there with the same commit: ./demo bundle"


def default() -> str:
    """Return the name of a bundle that is given none."""
    return f"demo-bundle-{os.uname().machine}.tar.gz"


def write(file: Path, wheels: Path) -> None:
    """Pack the tools of this checkout and the folder `wheels` into `file`, complete or not at all.

    Every tool has to be in the store. Raises UserError.
    """
    members = {f"wheels/{w.name}": w for w in sorted(wheels.iterdir())}
    for module in pins.modules():
        for product in module.products:
            kept = store.kept(module, product)
            if kept is None:
                raise UserError(f"{product} is not in the cache. Bring it back: ./demo setup")
            members[f"store/{kept.path.parent.name}/{product}"] = kept.path
    contents = {
        "format": FORMAT,
        "machine": os.uname().machine,
        "requirements": venv.requirements_key(),
        "files": {name: files.sha256(path) for name, path in members.items()},
    }
    part = file.with_name(f".{file.name}.part")  # that of a command that was killed is written over
    with setup.exclusive():  # one that is written at the same time has the same part
        try:
            with tarfile.open(part, "w:gz", compresslevel=1) as tar:
                text = json.dumps(contents, indent=1).encode()
                tar.addfile(_entry(CONTENTS, len(text), 0o644), io.BytesIO(text))
                for name, path in members.items():
                    mode = 0o644 if name.startswith("wheels/") else 0o755
                    with path.open("rb") as stream:
                        tar.addfile(_entry(name, path.stat().st_size, mode), stream)
            part.replace(file)
        except OSError as error:
            raise UserError(f"{file} cannot be written: {error.strerror}") from None
        finally:
            part.unlink(missing_ok=True)


def _entry(name: str, size: int, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry


def take(file: Path) -> None:
    """Put the contents of a bundle into the cache. Raises UserError, and then nothing changes.

    Each file is checked against the list in the bundle. What would leave the folder that it is
    unpacked to, is a link, or is not in the list, is refused.
    """
    if not file.is_file():
        raise UserError(f"{file} is not there. Make it on a machine with a network: ./demo bundle")
    with setup.exclusive():
        scratch = tools.cache_dir() / "unpacking"
        for left in tools.cache_dir().glob(f"{scratch.name}*"):  # by a command that was killed
            shutil.rmtree(left, ignore_errors=True)
        try:
            scratch.mkdir(mode=0o700)
            _unpack(file, scratch)
            names = _checked(file, scratch)
            _fits(file, names)
            for name in names:
                _keep(scratch / name, name)
        except _DAMAGED as error:
            raise UserError(f"{file} is no bundle of this demo: {error}. {_ANEW}") from None
        except OSError as error:
            raise UserError(f"{error.filename or file}: {error.strerror or error}") from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _unpack(file: Path, scratch: Path) -> None:
    try:
        with tarfile.open(file) as tar:
            archives.unpack(tar, scratch)
    except archives.Unsafe as error:
        raise UserError(f"{file} has {error}. {_ANEW}") from None


def _checked(file: Path, scratch: Path) -> list[str]:
    """Return the names of the unpacked files, each as the bundle's list has it."""
    contents = json.loads((scratch / CONTENTS).read_text())
    if contents["format"] != FORMAT or contents["machine"] != os.uname().machine:
        raise UserError(
            f"{file} is a bundle for {contents['machine']}, of format {contents['format']};"
            f" this machine is {os.uname().machine}. {_ANEW}"
        )
    if contents["requirements"] != venv.requirements_key():
        raise UserError(f"{file} has the Python packages of another version. {_ANEW}")
    there = {str(p.relative_to(scratch)) for p in scratch.rglob("*") if p.is_file()} - {CONTENTS}
    wanted = dict(contents["files"])
    if differing := sorted(there ^ wanted.keys()):
        raise UserError(f"{file} does not hold what it lists: {differing[0]}. {_ANEW}")
    for name, digest in wanted.items():
        if files.sha256(scratch / name) != digest:
            raise UserError(f"{name} in {file} is damaged: its SHA-256 differs. {_ANEW}")
    return sorted(wanted)


def _fits(file: Path, names: Iterable[str]) -> None:
    """Refuse a bundle that lacks a tool of this checkout, in its version."""
    held = set(names)
    for module in pins.modules():
        folders = [folder.name for folder, _, _ in store.folders(module)]
        for product in module.products:
            if not any(f"store/{folder}/{product}" in held for folder in folders):
                raise UserError(
                    f"{file} has no {product} {module.version}: it is of another version. {_ANEW}"
                )


def _keep(source: Path, name: str) -> None:
    """Move one unpacked file to its place in the cache."""
    kind, *rest = name.split("/")
    if kind == "wheels":
        venv.wheels().mkdir(parents=True, exist_ok=True)
        source.chmod(0o644)
        source.replace(venv.wheels() / rest[0])
        return
    target = tools.cache_dir() / "store" / rest[0] / rest[1]
    if not target.parent.exists():
        target.parent.mkdir(parents=True)
        (target.parent / store.MARK).touch()
    if not target.exists():
        source.chmod(0o755)
        source.replace(target)


def named(arguments: list[str]) -> Path | None:
    """Return the FILE of `setup --bundle FILE` in the arguments after `setup`, if it is there."""
    if len(arguments) == 2 and arguments[0] == "--bundle":
        return Path(arguments[1])
    return None


def once(file: Path, ready: Callable[[], bool]) -> None:
    """Take a bundle before the environment is made, unless that is there: see TAKEN."""
    if not ready():
        take(file)
        os.environ[TAKEN] = str(file)
