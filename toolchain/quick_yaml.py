"""YAML into Python, quickly: every run of the program reads settings, manifests, kubeconfigs."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml's, where PyYAML was built with it, takes a tenth of the time
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """Gives the one document that the text is. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)


def load_all(text: str) -> list[Any]:
    """Gives all documents of the text, in their order. Raises yaml.YAMLError."""
    return list(yaml.load_all(text, Loader=_LOADER))
