"""The merged kubeconfig of a stack."""

from __future__ import annotations

import json

import yaml

from components.clusters.kubeconfig import merge


def one(server: str, token: str, namespace: str | None = None) -> str:
    context = {"cluster": "k", "user": "admin"} | ({"namespace": namespace} if namespace else {})
    return json.dumps(
        {
            "current-context": "admin@k",
            "clusters": [
                {"name": "other", "cluster": {"server": "https://wrong"}},
                {"name": "k", "cluster": {"server": server}},
            ],
            "contexts": [{"name": "admin@k", "context": context}],
            "users": [{"name": "admin", "user": {"token": token}}],
        }
    )


def test_each_cluster_has_a_context_of_its_name_with_its_own_server_and_user() -> None:
    texts = {"east": one("https://e", "1"), "west": one("https://w", "2", "bank")}
    merged = yaml.safe_load(merge(texts, "west"))
    assert merged["current-context"] == "west"
    assert merged["contexts"] == [
        {"name": "east", "context": {"cluster": "east", "user": "east"}},
        {"name": "west", "context": {"cluster": "west", "user": "west", "namespace": "bank"}},
    ]
    assert merged["clusters"] == [
        {"name": "east", "cluster": {"server": "https://e"}},
        {"name": "west", "cluster": {"server": "https://w"}},
    ]
    assert merged["users"] == [
        {"name": "east", "user": {"token": "1"}},
        {"name": "west", "user": {"token": "2"}},
    ]


def test_a_context_without_a_user_is_taken_as_it_is() -> None:
    given = {
        "current-context": "proxied",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8001"}}],
        "contexts": [{"name": "proxied", "context": {"cluster": "c"}}],
        "users": None,
    }
    merged = yaml.safe_load(merge({"east": json.dumps(given)}, "east"))
    assert merged["users"] == [{"name": "east", "user": {}}]
    assert merged["contexts"][0]["context"] == {"cluster": "east", "user": "east"}
