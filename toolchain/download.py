"""One file from the web: reached in time, resumed when cut off, taken only with its checksum.

Proxies are those of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), as urllib has them.
"""

from __future__ import annotations

import http.client
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from foundation import files
from foundation.errors import UserError

_CHUNK = 256 * 1024
_LIST_MB = 4
_ATTEMPTS = 4
"""Attempts in a row that bring nothing, before a download is given up."""

_NOTHING_TO_RESUME = 416
_PROXY_REFUSES = 407
_AGENT = {"User-Agent": "multi-cluster-resiliency-setup"}

Told = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole file (0: unknown)."""


class Refused(UserError):
    """A file could not be had, or is not what it should be; says which, and why."""


@dataclass(frozen=True)
class Patience:
    """Seconds: for a first answer, for the next bytes, between two attempts."""

    reach: float = 5.0
    stall: float = 30.0
    pause: float = 1.0


NO_ANSWER = "no answer in time"
"""Why a host that is silent is not reached."""


class _NotToPlain(urllib.request.HTTPRedirectHandler):
    """Follows no redirection from https to anything else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        if req.type == "https" and not newurl.startswith("https:"):
            raise Refused(f"{req.full_url} leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, timeout: float, headers: dict[str, str] | None = None) -> Any:
    opener = urllib.request.build_opener(_NotToPlain)  # reads the proxies of the environment
    return opener.open(urllib.request.Request(url, headers=_AGENT | (headers or {})), None, timeout)


def unreachable(url: str, patience: Patience) -> str:
    """Return why the host of `url` does not answer; empty if it does, whatever it answers."""
    try:
        with _open(url, patience.reach) as response:
            response.read(1)
    except urllib.error.HTTPError as error:
        with error:
            answers = error.code < http.client.INTERNAL_SERVER_ERROR
            return "" if answers and error.code != _PROXY_REFUSES else _said(error)
    except (OSError, http.client.HTTPException, ValueError, Refused) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            said = "its certificate is of an authority that is not known here"
            return f"{said}: name a file with it by SSL_CERT_FILE"
        return NO_ANSWER if isinstance(reason, TimeoutError) else _said(error)
    return ""


def listed(url: str, name: str, patience: Patience) -> str:
    """Return the SHA-256 of the file `name` from a publisher's list of checksums.

    The list has lines as sha256sum(1) writes them, or is one checksum alone. Raises Refused.
    """
    try:
        with _open(url, patience.stall) as response:
            text = response.read(_LIST_MB * 1024**2).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            raise Refused(f"{url}: {_said(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"{url}: {_said(error)}") from None
    if not (sha256 := checksum_in(text, name)):
        raise Refused(f"{url} has no SHA-256 of {name}")
    return sha256


def checksum_in(text: str, name: str) -> str:
    """Return the SHA-256 of the file `name` in a list of checksums; empty without one."""
    if re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", text):
        return text.strip().lower()
    for line in text.splitlines():
        match = re.fullmatch(r"([0-9a-fA-F]{64})[ \t]+\*?(\S+)\s*", line)
        if match and match[2].rsplit("/", 1)[-1] == name:
            return match[1].lower()
    return ""


def fetch(
    url: str, part: Path, sha256: str, patience: Patience, told: Told, stopped: threading.Event
) -> None:
    """Fill the file `part` from `url`, going on where an earlier attempt ended. Raises Refused.

    When this returns, `part` has the checksum `sha256`. A wrong file is fetched anew once, for what
    was there before may have been damaged; after that it is removed and refused.
    """
    if part.exists() and files.sha256(part) == sha256:
        return
    for last in (False, True):
        _whole(url, part, patience, told, stopped)
        got = files.sha256(part)
        if got == sha256:
            return
        part.unlink()
        if last:
            raise Refused(f"{url} has SHA-256 {got}, but {sha256} is expected")


def _whole(url: str, part: Path, patience: Patience, told: Told, stopped: threading.Event) -> None:
    """Bring `part` to the length that the server tells."""
    vain = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _more(url, part, before, patience, told, stopped):
                return
            why = "the connection was cut"
        except urllib.error.HTTPError as error:
            with error:
                if error.code == _NOTHING_TO_RESUME and before:
                    return  # all of it is there, or more than all: the checksum tells
                why = _said(error)
                if error.code < http.client.INTERNAL_SERVER_ERROR:
                    raise Refused(f"{url}: {why}") from None
        except (OSError, http.client.HTTPException) as error:
            why = _said(error)
        after = part.stat().st_size if part.exists() else 0
        vain = 0 if after > before else vain + 1
        if stopped.is_set():
            raise Refused(f"{url}: stopped")
        if vain >= _ATTEMPTS:
            raise Refused(f"{url}: {why}, {_ATTEMPTS} times")
        time.sleep(patience.pause * vain)


def _more(
    url: str, part: Path, have: int, patience: Patience, told: Told, stopped: threading.Event
) -> bool:
    """Append to `part` what one connection brings; return whether that was all."""
    headers = {"Range": f"bytes={have}-"} if have else {}
    with _open(url, patience.stall, headers) as response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not (response.status == http.client.PARTIAL_CONTENT and resumed):
            have = 0
        length = int(response.headers.get("Content-Length") or 0)
        total = have + length if length else 0
        part.touch(mode=0o600)
        with part.open("ab" if have else "wb") as file:
            while chunk := response.read1(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                told(have, total)
                if stopped.is_set():
                    return False
    return have >= total


def _said(error: Exception) -> str:
    """Return what went wrong, for a person, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}"
    reason = getattr(error, "reason", None) or error
    return str(reason) or type(reason).__name__
