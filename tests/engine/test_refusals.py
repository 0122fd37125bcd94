"""What the preview refuses is what an API server refuses: never anything that it would take."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from components.documents import make_schema, schema
from components.documents.origin import ManifestError
from components.documents.sources import load
from tests.support import corpus
from tests.support.api_server import ApiServer, api_server

pytestmark = pytest.mark.engine

DOCUMENTS = [each for each in corpus.documents() if each["apiVersion"] != corpus.CUSTOM]
ODD = st.sampled_from(
    [None, "", "A", "a b", "80", "web", "aGk", 0, 5, -1, 70000, True, 1.5, [], {}, [None], {"a": 5}]
)
TYPES = "failed to create typed patch object"
"""How a server begins what it says of a field that is unknown, or of another type."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def refusal(changed: dict[str, Any], folder: Path) -> str:
    """Return why we refuse the document; empty if we do not."""
    file = folder / "own.json"
    file.write_text(json.dumps(changed))
    try:
        load(file)
    except ManifestError as error:
        return str(error)
    return ""


def test_the_schema_is_what_the_server_publishes(server: ApiServer) -> None:
    """Make it anew with the command in `make_schema.py`, where this fails."""
    made = make_schema.schema_of(server.openapi())
    assert make_schema.as_text(made) == schema.FILE.read_text()


@pytest.mark.parametrize("taken", DOCUMENTS, ids=lambda each: each["kind"])
def test_whole_documents_are_taken_by_both(
    taken: dict[str, Any], server: ApiServer, tmp_path: Path
) -> None:
    assert (refusal(taken, tmp_path), server.refusal(taken)) == ("", "")


def test_broken_documents_are_refused_by_both(server: ApiServer, tmp_path: Path) -> None:
    for change in corpus.changes("refused.yaml"):
        assert server.refusal(change.document), change
        assert refusal(change.document, tmp_path), change


def test_odd_documents_are_taken_by_both(server: ApiServer, tmp_path: Path) -> None:
    for change in corpus.changes("taken.yaml"):
        said = refusal(change.document, tmp_path), server.refusal(change.document)
        assert said == ("", ""), change


def test_no_field_of_a_document_that_we_insist_on_is_one_that_a_server_does_without(
    server: ApiServer, tmp_path: Path
) -> None:
    count = 0
    for document in DOCUMENTS:
        for holder, key in removable(document):
            kept = holder[key]
            del holder[key]
            if said := refusal(document, tmp_path):
                count += 1
                assert server.refusal(document), (said, document)
            # The order of keys does not matter to anybody.
            holder[key] = kept
    assert count > 200


def removable(document: Mapping[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return each mapping with each of its keys but for those that say what a document is."""
    fields = [each for each in corpus.places(document) if isinstance(each[0], dict)]
    return [
        (holder, key)
        for holder, key in fields
        if holder is not document and not (holder is document["metadata"] and key == "name")
    ]


@settings(
    max_examples=600,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(data=st.data())
def test_no_more_is_refused_than_by_an_api_server_and_no_less_of_types(
    data: st.DataObject, server: ApiServer, tmp_path: Path
) -> None:
    changed = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    inside = [
        each
        for each in corpus.places(changed)
        if not (each[0] is changed and each[1] in ("apiVersion", "kind", "metadata"))
        and not (each[0] is changed["metadata"] and each[1] == "name")
    ]
    holder, key = data.draw(st.sampled_from(inside))
    break_field(holder, key, data)
    ours, theirs = refusal(changed, tmp_path), server.refusal(changed)
    assert theirs or not ours, (ours, changed)
    assert ours or not theirs.startswith(TYPES), (theirs, changed)


def break_field(holder: Any, key: Any, data: st.DataObject) -> None:
    """Change a value, misspell or remove its field, repeat it, or add one beside it."""
    way = data.draw(st.sampled_from(["odd", "odd", "misspelt", "removed", "twice", "more"]))
    if way == "misspelt" and isinstance(holder, dict):
        holder[f"{key}s"] = holder.pop(key)
    elif way == "removed":
        del holder[key]
    elif way == "twice" and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif way == "more" and isinstance(holder, dict):
        holder["further"] = copy.deepcopy(data.draw(ODD))
    else:
        holder[key] = copy.deepcopy(data.draw(ODD))
