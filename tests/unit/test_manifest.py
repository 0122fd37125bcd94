"""How documents are changed before they are registered."""

from __future__ import annotations

from components.manifest import SKIP_AWAIT, unawaited


def test_not_waiting_for_an_object_changes_a_copy_only() -> None:
    document = {"kind": "Service", "metadata": {"name": "a", "annotations": {"b": "c"}}}
    assert unawaited(document)["metadata"]["annotations"] == {"b": "c", SKIP_AWAIT: "true"}
    assert document["metadata"]["annotations"] == {"b": "c"}
    assert unawaited({"metadata": {"annotations": None}})["metadata"]["annotations"]
