"""`./demo task lint:profile`: finds the traps in a profile before it is applied."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import yaml

from components.profile.lint import traps
from components.profile.lint.model import Context
from components.profile.model import HttpProfile, http_profile
from components.routing.targets import LbMode
from foundation.entry import entry
from foundation.errors import UserError

SHIPPED = Path("manifests/http-profile.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the traps; return 1 if there are any, 0 if there are none, 2 for no profile."""
    chosen = _parser().parse_args(arguments)
    return entry(lambda: _run(chosen), failed=2)


def _run(chosen: argparse.Namespace) -> int:
    profile = _read(chosen.file)
    context = Context(str(chosen.file), chosen.clusters, chosen.platform, LbMode(chosen.mode))
    found = traps(profile, context)
    stack = f"{context.clusters} clusters on {context.platform}, mode {context.lb_mode}"
    count = "1 trap" if len(found) == 1 else f"{len(found) or 'no'} traps"
    print(f"{context.source}: {count} ({stack})")
    for trap in found:
        print(f"\n{trap.key}: {trap.found}")
        for word, text in (("why", trap.why), ("fix", trap.fix)):
            print(textwrap.fill(text, 96, initial_indent=f"  {word}  ", subsequent_indent=" " * 7))
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./demo task lint:profile --", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=SHIPPED, help=f"{SHIPPED}")
    parser.add_argument("--clusters", type=_count, default=2, help="application clusters (2)")
    parser.add_argument("--platform", choices=("envoy", "tetrate"), default="envoy", help="envoy")
    parser.add_argument("--mode", choices=[*LbMode], default=LbMode.ACTIVE, help="lbMode (active)")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return count


def _read(file: Path) -> HttpProfile:
    """Read the one profile of a file. Raises UserError.

    Not by `components.documents.sources`: what is no object at all is told in a profile's words.
    """
    try:
        documents = [d for d in yaml.safe_load_all(file.read_text()) if d is not None]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if len(documents) != 1:
        raise UserError(f"{file} holds {len(documents)} documents; name a file with one profile")
    return http_profile(documents[0], source=str(file))


if __name__ == "__main__":
    sys.exit(main())
