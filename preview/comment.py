"""`python -m preview.comment`: puts a preview's Markdown into the one comment of a pull request.

The comment is found by its marker and edited in place. Where the token may not write, as in a pull
request from a fork, it says so and succeeds: the step's summary has the same text.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.entry import entry
from foundation.errors import UserError
from preview.markdown import MARKER

SECONDS = 30
"""How long GitHub may take for an answer."""

_PAGE = 100
_REFUSED = (401, 403, 404)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the comment; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m preview.comment", description=__doc__)
    parser.add_argument("file", type=Path, help="Markdown of `python -m preview --markdown`")
    parser.add_argument("--pull-request", type=int, required=True, metavar="NUMBER")
    chosen = parser.parse_args(arguments)
    return entry(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> int:
    try:
        body = chosen.file.read_text()
    except OSError as error:
        raise UserError(str(error)) from None
    print(put(os.environ, chosen.pull_request, body))
    return 0


def put(env: Mapping[str, str], number: int, body: str) -> str:
    """Edit the comment, or make it; return what was done. `env`: as GitHub sets it."""
    try:
        api, repository = env["GITHUB_API_URL"], env["GITHUB_REPOSITORY"]
        token = env["GITHUB_TOKEN"]
    except KeyError as missing:
        raise UserError(f"{missing.args[0]} is not set; this runs in a GitHub workflow") from None
    comments = f"{api}/repos/{repository}/issues/{number}/comments"
    try:
        if (known := _known(comments, token)) is None:
            _ask("POST", comments, token, {"body": body})
            return "The comment is written."
        one = f"{api}/repos/{repository}/issues/comments/{known}"
        _ask("PATCH", one, token, {"body": body})
        return "The comment is edited."
    except urllib.error.HTTPError as error:
        with error:  # it is the answer as well
            if error.code in _REFUSED:
                return f"No right to comment here ({error.code}): see the summary of this job."
            raise UserError(f"GitHub did not take the comment: {error}") from None
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"GitHub does not answer: {error}") from None


def _known(comments: str, token: str) -> int | None:
    """Return the number of the comment that a workflow, and no person, wrote before."""
    for page in itertools.count(1):
        found = _ask("GET", f"{comments}?per_page={_PAGE}&page={page}", token)
        for comment in found:
            bot = (comment.get("user") or {}).get("type") == "Bot"
            if bot and (comment.get("body") or "").startswith(MARKER):
                return int(comment["id"])
        if len(found) < _PAGE:
            break
    return None


def _ask(method: str, url: str, token: str, content: Any = None) -> Any:
    request = urllib.request.Request(
        url,
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
