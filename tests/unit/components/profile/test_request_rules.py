"""What the edge takes of a request, as annotations of the profile say."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.profile.model import http_profile
from components.profile.requests import EscapedSlashes, RequestRules, Underscores
from components.profile.section import ProfileError
from foundation.project import ROOT

SHIPPED = yaml.safe_load((ROOT / "manifests" / "http-profile.yaml").read_text())
PREFIX = "resiliency.demo/"
ALL_WRITTEN = {
    "request-headers-size": "64Ki",
    "request-headers-count": "200",
    "retry-body": "2Mi",
    "header-underscores": "reject",
    "escaped-slashes": "decode",
    "methods": "GET, HEAD,POST",
}


def rules(**notes: object) -> RequestRules:
    document: dict[str, Any] = copy.deepcopy(SHIPPED)
    named = {f"{PREFIX}{key.replace('_', '-')}": value for key, value in notes.items()}
    document["metadata"]["annotations"].update(named)
    return http_profile(document).requests


def test_what_is_left_out_is_what_is_documented_and_what_the_file_says() -> None:
    assert rules() == RequestRules()
    document = copy.deepcopy(SHIPPED)
    del document["metadata"]["annotations"]
    assert http_profile(document).requests == RequestRules()
    assert (RequestRules.headers_size, RequestRules.retry_body) == (32 * 1024, 1024 * 1024)


def test_everything_may_be_written() -> None:
    assert rules(**ALL_WRITTEN) == RequestRules(
        headers_size=64 * 1024,
        headers_count=200,
        retry_body=2 * 1024 * 1024,
        underscores=Underscores.REJECT,
        escaped_slashes=EscapedSlashes.DECODE,
        methods=("GET", "HEAD", "POST"),
    )
    assert rules(methods="*").methods == ()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("request-headers-size", "32k", "is '32k'; a size from 1Ki to 8Mi is needed"),
        ("request-headers-size", "9Mi", "is '9Mi'; a size from 1Ki to 8Mi is needed"),
        ("request-headers-size", 32, "is 32; a size from 1Ki"),
        ("retry-body", "0Ki", "is '0Ki'; a size from 1Ki to 64Mi is needed"),
        ("request-headers-count", "many", "is 'many'; a number from 10 to 10000 in quotes"),
        ("request-headers-count", "5", "is '5'; a number from 10"),
        ("request-headers-count", 100, "is 100; a number from 10 to 10000 in quotes"),
        ("header-underscores", "rejct", "use one of allow, drop, reject"),
        ("escaped-slashes", "", "use one of keep, reject, decode, redirect"),
        ("methods", "get", "is 'get'; write methods as GET,HEAD,POST, or * for all"),
        ("methods", "", "write methods as GET"),
        ("methods", "GET,POST;DROP", "write methods as GET"),
        ("retry-bodies", "1Mi", "retry-bodies is unknown here; remove it or correct its name"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_place(
    key: str, value: object, said: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        rules(**{key: value})
    assert f"metadata.annotations.{PREFIX}{key}" in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_annotations_of_others_are_no_business_of_ours() -> None:
    document = copy.deepcopy(SHIPPED)
    document["metadata"]["annotations"]["example.com/methods"] = "whatever"
    assert http_profile(document).requests == RequestRules()


@given(st.integers(1, 8 * 1024))
def test_a_size_is_what_kubernetes_means_by_it(kib: int) -> None:
    assert rules(request_headers_size=f"{kib}Ki").headers_size == kib * 1024


@given(st.dictionaries(st.sampled_from(sorted(ALL_WRITTEN)), st.text(max_size=6)))
def test_any_text_is_followed_or_refused_in_one_line(notes: dict[str, str]) -> None:
    try:
        found = rules(**notes)
    except ProfileError as error:
        assert "\n" not in str(error)
    else:
        assert found.headers_size >= 1024 and found.headers_count >= 10
