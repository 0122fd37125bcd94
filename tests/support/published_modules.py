"""Three small modules, two of them published, and fetching them from a mirror."""

from __future__ import annotations

from tests.support.publisher import Publisher, archive, program, sha256
from toolchain import download, fetch, pins, published, store
from toolchain.progress import Screen

LONE = pins.Module(
    "lone",
    "example.org/lone",
    "v1.2.3",
    (
        pins.Binary("first", ".", ask=("--version",), fits="==1.2.3"),
        pins.Binary("second", ".", ask=("--version",), fits="==1.2.3"),
    ),
)
PACKED = pins.Module(
    "packed",
    "example.org/packed",
    "v2.0.0",
    (pins.Binary("packed", ".", ask=("version",), fits=">=2", says="with everything"),),
)
OWN = pins.Module("own", "example.org/own", "v1.0.0", (pins.Binary("own", "."),))
BASE = "https://publisher.test"
PLACES = {
    "lone": published.Published(
        url=f"{BASE}/{{version}}/linux/{{arch}}/{{name}}",
        checksums=f"{BASE}/{{version}}/linux/{{arch}}/{{name}}.sha256",
        version="v1.2.3",
    ),
    "packed": published.Published(
        url=f"{BASE}/packed/{{version}}/packed-{{bare}}-{{arch}}.tgz",
        checksums=f"{BASE}/packed/{{version}}/SHA256SUMS",
        version="v2.0.0",
        inside="packed-{bare}/bin/{name}",
    ),
}


PATIENT = download.Patience(reach=60.0, stall=60.0, pause=0.0)
"""For whatever answers in the end, however busy the machine is."""

FIRST, SECOND = program("first v1.2.3"), program("second 1.2.3 of today") + b"#" * 100_000
PACK = archive({"packed-2.0.0/README": b"x", "packed-2.0.0/bin/packed": program(
    "packed version 2.0.0\nwith everything"
)})  # fmt: skip


def files(pack: bytes = PACK) -> dict[str, bytes]:
    """What a good mirror of both publishers has, the second one's archive with its sum."""
    lone, packed = "/publisher.test/v1.2.3/linux/amd64", "/publisher.test/packed/v2.0.0"
    sums = f"{sha256(b'other')}  other.tgz\n{sha256(pack)}  packed-2.0.0-amd64.tgz\n"
    return {
        f"{lone}/first": FIRST,
        f"{lone}/first.sha256": sha256(FIRST).encode(),
        f"{lone}/second": SECOND,
        f"{lone}/second.sha256": f"{sha256(SECOND)} *release/second\n".encode(),
        f"{packed}/packed-2.0.0-amd64.tgz": pack,
        f"{packed}/SHA256SUMS": sums.encode(),
    }


WORK: fetch.Work = [(LONE, ["first", "second"]), (PACKED, ["packed"])]


def fetched(publisher: Publisher, patience: download.Patience = PATIENT) -> dict[str, str]:
    """Fetch both modules from a mirror; return the reasons of what was not fetched."""
    with Screen([module for module, _ in WORK], doing="fetching") as screen:
        fetcher = fetch.Fetcher(screen, publisher.address, patience)
        fetcher.fetch(fetcher.reachable(WORK))
    return fetcher.reasons


def in_store() -> set[str]:
    """Return the products that the store holds."""
    return {p for m, ps in WORK for p in ps if store.kept(m, p)}
