"""YAML read and written quickly: each run of the program does it to settings and kubeconfigs."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml's, where PyYAML was built with it, takes a tenth of the time
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load(text: str) -> Any:
    """Return the one document that the text is. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)


def load_all(text: str) -> list[Any]:
    """Return all documents of the text, in their order. Raises yaml.YAMLError."""
    return list(yaml.load_all(text, Loader=_LOADER))


def dump(document: Any) -> str:
    """Return the document as text, its keys in the order in which they are."""
    text: str = yaml.dump(document, Dumper=DUMPER, sort_keys=False)
    return text
