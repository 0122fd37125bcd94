"""pulumi-gcp for tests, from the folder that `./demo` installs it into; clusters made with it."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator

import pytest

from foundation.errors import UserError
from toolchain import gcp

CLUSTER = "gcp:container/cluster:Cluster"
REGIONS = {"corp-edge": "us-central1", "east-cluster": "us-east1", "west-cluster": "us-west1"}


@pytest.fixture(scope="session")
def pulumi_gcp() -> Iterator[None]:
    """Installs the package unless it is there; at the end it is out of Python's path again."""
    try:
        gcp.ensure()
    except UserError as error:
        pytest.skip(str(error).splitlines()[0])
    before = list(sys.path)
    sys.path.append(str(gcp.FOLDER))
    with warnings.catch_warnings():  # it warns of its own old names when it is imported
        warnings.simplefilter("ignore", DeprecationWarning)
        _ = importlib.import_module("pulumi_gcp.compute").Network  # loaded when first asked
    yield
    sys.path[:] = before
