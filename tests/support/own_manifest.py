"""A manifest of a user's own, written into a test's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.documents.sources import load


def manifest(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def one(folder: Path, text: str) -> Any:
    (document,) = load(manifest(folder, text))
    return document


def config(data: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {data}\n"
