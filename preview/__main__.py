"""`./demo task preview`: what this branch would change in the clusters, and whether it may."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from foundation import project, run, scratch, selection, tables
from foundation.entry import entry
from foundation.errors import UserError
from preview import markdown, matrix, model, terminal, trees


def main(arguments: Sequence[str] | None = None) -> int:
    """Preview and compare; return 1 if the head fails or violates a policy, 2 for wrong input."""
    chosen = _parser().parse_args(arguments)
    return entry(lambda: _run(chosen), failed=2)


def _run(chosen: argparse.Namespace) -> int:
    try:
        with run.interruptible():
            result = _gathered(chosen) if chosen.results else _preview(chosen)
            if chosen.result:
                model.write(result, chosen.result)
            if chosen.markdown:
                chosen.markdown.write_text(markdown.render(result))
    except OSError as error:  # a folder that is full or may not be written to
        raise UserError(str(error)) from None
    terminal.show(tables.console(), result)
    return 0 if result.ok else 1


def _preview(chosen: argparse.Namespace) -> model.Result:
    with scratch.folder(project.private_folder() / "preview") as folder:
        folders = {side: folder / side for side in ("base", "head", "private")}
        for path in folders.values():
            path.mkdir()
        head = trees.head(project.ROOT, folders["head"])
        base = trees.base(project.ROOT, folders["base"], chosen.base)
        stacks = chosen.stack or head.stacks
        if unknown := [name for name in stacks if name not in head.stacks]:
            raise selection.unknown(unknown[0], head.stacks)
        modes = chosen.mode or matrix.MODES
        differ = trees.differing(base, head)
        with _progress(len(stacks) * len(modes) * (2 if differ else 1)) as done:
            found = matrix.diffs(
                base if differ else None, head, stacks, modes, folders["private"], done
            )
        return model.Result(base.title, head.title, found, trees.note(base, head))


@contextlib.contextmanager
def _progress(total: int) -> Iterator[matrix.Done]:
    """Yield a bar on standard error, and nothing where that is no terminal."""
    columns = (TextColumn("Previews"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _gathered(chosen: argparse.Namespace) -> model.Result:
    """Return the results that others have written, and as failed those of them that are lost."""
    wanted = itertools.product(chosen.stack or (), chosen.mode or matrix.MODES)
    return model.read(_results(chosen.results), wanted)


def _results(given: Sequence[Path]) -> list[Path]:
    """Return the files, and those of the folders, in a settled order.

    A folder need not be there: without any result nobody has made it.
    """
    found: list[Path] = []
    for path in given:
        is_file = path.is_file() or (path.suffix and not path.is_dir())
        found += [path] if is_file else sorted(path.rglob("*.json"))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./demo task preview --", description=__doc__)
    parser.add_argument("--base", metavar="REF", help="commit (where the default branch was left)")
    parser.add_argument("--stack", action="append", metavar="NAME", help="only it; repeatable")
    parser.add_argument("--mode", action="append", choices=matrix.MODES, help="only it; repeatable")
    parser.add_argument("--markdown", type=_file, metavar="FILE", help="write it as Markdown too")
    parser.add_argument("--result", type=_file, metavar="FILE", help="write it for --results")
    parser.add_argument(
        "--results",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="preview nothing: show these as one; of each --stack there must be one",
    )
    return parser


def _file(name: str) -> Path:
    path = Path(name)
    if not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{path.parent} is no folder that can be written to")
    return path


if __name__ == "__main__":
    sys.exit(main())
