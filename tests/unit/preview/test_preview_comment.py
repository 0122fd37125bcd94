"""The comment at a pull request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from foundation.errors import UserError
from preview import comment, markdown


class GitHub(HTTPServer):
    """As much of GitHub's interface as a comment needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.status = 200
        self.asked: list[str] = []

    @property
    def env(self) -> dict[str, str]:
        return {
            "GITHUB_API_URL": f"http://127.0.0.1:{self.server_port}",
            "GITHUB_REPOSITORY": "team/demo",
            "GITHUB_TOKEN": "t",
        }


class Handler(BaseHTTPRequestHandler):
    server: GitHub

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        given = json.loads(self.rfile.read(length) or "null")
        self.server.asked.append(f"{self.command} {self.path}")
        assert self.headers["Authorization"] == "Bearer t"
        if self.command == "GET":
            page = int(self.path.rpartition("page=")[2])
            told: Any = self.server.comments[(page - 1) * 100 : page * 100]
        else:
            told = given
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_first_preview_writes_the_comment(github: GitHub) -> None:
    assert comment.put(github.env, 7, "text") == "The comment is written."
    assert github.asked[1:] == ["POST /repos/team/demo/issues/7/comments"]


def test_later_ones_edit_it_on_whatever_page_it_is_and_nobody_elses(github: GitHub) -> None:
    person = {"id": 1, "user": {"type": "User"}, "body": f"{markdown.MARKER} quoted"}
    github.comments = [person, *({"id": n, "body": None, "user": None} for n in range(2, 150))]
    github.comments.append({"id": 150, "user": {"type": "Bot"}, "body": f"{markdown.MARKER}\nold"})
    assert comment.put(github.env, 7, "text") == "The comment is edited."
    assert github.asked[2:] == ["PATCH /repos/team/demo/issues/comments/150"]


def test_without_the_right_to_comment_the_summary_has_to_do(github: GitHub) -> None:
    github.status = 403
    assert comment.put(github.env, 7, "text").startswith("No right to comment here (403)")
    github.status = 500
    with pytest.raises(UserError, match="GitHub did not take the comment"):
        comment.put(github.env, 7, "text")


def test_a_connection_that_ends_without_an_answer_is_one_clear_line(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.connection.close())
    with pytest.raises(UserError, match="GitHub does not answer: "):
        comment.put(github.env, 7, "text")


def test_outside_of_a_workflow_the_comment_says_what_it_lacks() -> None:
    with pytest.raises(UserError, match="GITHUB_API_URL is not set"):
        comment.put({}, 7, "text")
