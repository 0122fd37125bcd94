"""Requests of a user's own: the file that `--traffic` names. The page is docs/traffic.md."""

from __future__ import annotations

import base64
import http
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from drills.traffic.plan import Request
from foundation.errors import UserError

LARGEST_BODY = 1 << 20
"""Bytes: the data path keeps no more for another try (docs/data-path.md)."""

_KEYS = {"method", "path", "headers", "body", "bodyFile", "idempotencyKey", "good"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OURS = {"host", "content-length", "transfer-encoding", "connection", "x-demo-request"}


def load(file: Path) -> tuple[Request, ...]:
    """Return the requests of a file, which are sent in turn. Raises UserError."""
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    listed = content.get("requests") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed or set(content) != {"requests"}:
        raise UserError(f"{file}: one key is expected, `requests`, with a list. {_EXAMPLE}")
    return tuple(_request(file, number, one) for number, one in enumerate(listed))


_EXAMPLE = "Example: requests: [{method: GET, path: /orders}]"


def _request(file: Path, number: int, fields: Any) -> Request:
    where = f"{file}, requests[{number}]"
    if not isinstance(fields, dict):
        raise UserError(f"{where}: a mapping is expected. {_EXAMPLE}")
    if unknown := sorted(str(key) for key in fields if key not in _KEYS):
        known = ", ".join(sorted(_KEYS))
        raise UserError(f"{where}: {', '.join(unknown)} is not known. What is: {known}")
    method = fields.get("method", "GET")
    if not isinstance(method, str) or not _TOKEN.fullmatch(method) or method == "CONNECT":
        raise UserError(f"{where}, method: {method!r} is not the name of a method, such as GET")
    path = fields.get("path")
    if not isinstance(path, str) or not re.fullmatch(r"/(?!/)[!-~]*", path) or "#" in path:
        raise UserError(f"{where}, path: a path is expected, such as /orders?page=2, not {path!r}")
    key = fields.get("idempotencyKey", False)
    if not isinstance(key, bool):
        raise UserError(f"{where}, idempotencyKey: true or false is expected, not {key!r}")
    return Request(
        method=method,
        path=path,
        headers=_headers(where, fields.get("headers") or {}),
        body=_body(file, where, fields),
        key=key,
        good=_good(where, fields.get("good", [])),
    )


def _headers(where: str, headers: Any) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise UserError(f"{where}, headers: a mapping of names to values is expected")
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise UserError(f"{where}, headers: {name!r} is not the name of a header")
        if name.lower() in _OURS:
            raise UserError(f"{where}, headers: {name} is set by the generator; leave it out")
        if not isinstance(value, str) or not re.fullmatch(r"[\t -~]*", value):
            raise UserError(f"{where}, headers, {name}: a line of text is expected; quote it")
    return {name.lower(): value for name, value in headers.items()}


def _body(file: Path, where: str, fields: Mapping[str, Any]) -> str:
    """Return the body in base64: text of the file itself, or another file beside it."""
    text, named = fields.get("body"), fields.get("bodyFile")
    if text is not None and named is not None:
        raise UserError(f"{where}: body and bodyFile exclude each other; leave one out")
    if named is not None:
        try:
            content = (file.parent / str(named)).read_bytes()
        except OSError as error:
            raise UserError(
                f"{where}, bodyFile: {named} cannot be read: {error.strerror}"
            ) from None
    elif text is None or isinstance(text, str):
        content = (text or "").encode()
    else:
        raise UserError(f"{where}, body: text is expected; quote it, or name a bodyFile")
    if len(content) > LARGEST_BODY:
        raise UserError(f"{where}: the body has {len(content):,} bytes, above {LARGEST_BODY:,}")
    return base64.b64encode(content).decode()


def _good(where: str, statuses: Any) -> tuple[int, ...]:
    known = {int(status) for status in http.HTTPStatus}
    listed = statuses if isinstance(statuses, list) else [statuses]
    for status in listed:
        if isinstance(status, bool) or not isinstance(status, int) or status not in known:
            raise UserError(f"{where}, good: statuses are expected, such as [200, 404]")
    return tuple(listed)
