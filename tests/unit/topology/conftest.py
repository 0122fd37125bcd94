"""A browser for the tests of the live page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Page, browser


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    opened.open("about:blank")
    opened.errors.clear()
    yield opened
    opened.prefer("", "")
    assert opened.errors == []
