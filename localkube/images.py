"""The container images of the demo, made offline, and a containerd store that already holds them.

Their archives (`image_layout`) are unpacked once into a containerd store in the user's cache. Each
node starts from hard links to it, so that nothing is imported or copied at start and all containers
of all clusters share one copy of a program in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from foundation import commands, files, project
from localkube import LocalKubeError
from localkube.image_layout import Image, linked, write_archive
from localkube.mounts import USUAL_UMASK, cover
from localkube.supervisord_config import python
from toolchain import tools

PAUSE = "localhost/pause:1"

UNUSED_SECONDS = 30 * 24 * 3600
"""A month: a store is made in seconds, and another version of the tools has another one."""


def coredns() -> str:
    """Return the reference of the DNS server's image. Raises ToolMissing."""
    return f"localhost/coredns:{tools.version('coredns')}"


def envoy() -> str:
    """Return the full name by which a cluster elsewhere pulls the official image.

    Raises ToolMissing.
    """
    return f"docker.io/envoyproxy/envoy:{tools.version('envoy')}"


def images(pause: Path) -> list[Image]:
    """Return all images; `pause` is the compiled program that holds a pod's namespaces."""
    return [
        Image(PAUSE, {"/pause": pause}, ["/pause"], user="65535:65535"),
        Image(coredns(), {"/coredns": tools.path("coredns")}, ["/coredns"]),
        *of_program(),
    ]


def of_program() -> list[Image]:
    """Return the images that Pulumi's program deploys; nodes bring the others' names themselves."""
    users = "root:x:0:0:root:/root:/bin/bash\nenvoy:x:101:101::/home/envoy:/bin/bash\n"
    return [
        Image(
            envoy(),
            {"/usr/local/bin/envoy": tools.path("envoy"), "/bin/bash": Path("/bin/bash")},
            ["/usr/local/bin/envoy"],
            {"/etc/passwd": users, "/etc/group": "root:x:0:\nenvoy:x:101:\n"},
            user="101:101",
        ),
    ]


def store() -> Path:
    """Return the prepared containerd store; make it if need be, once for all clusters."""
    folder = tools.cache_dir() / "images" / key()
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.locked(folder.parent):
        if not folder.exists():
            for left in folder.parent.glob("arriving*"):  # by a command that was killed
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="arriving.", dir=folder.parent) as made:
                build(Path(made))
                (Path(made) / "root").rename(folder)
        os.utime(folder)
        forget_unused(folder.parent)
    return folder


def key() -> str:
    """Return the digest of what the images are made from, the same for every clone."""
    bash = Path("/bin/bash")
    # the ids of files are those of the user namespace
    digest = hashlib.sha256(Path("/proc/self/uid_map").read_bytes())
    here = Path(__file__)
    for path in (here, here.with_name("image_layout.py"), here.with_name("pause.c")):
        digest.update(path.read_bytes())
    for name in ("coredns", "envoy", "containerd"):
        digest.update(f"{name} {tools.version(name)} {tools.path(name).stat().st_size}\n".encode())
    for path in (bash, *linked(bash)):
        digest.update(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def forget_unused(folder: Path) -> None:
    """Remove stores not used for `UNUSED_SECONDS`; the links of clusters to them stay good."""
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)


def clone(source: Path, target: Path) -> None:
    """Give a node its store: links to the layers and blobs, own copies of the databases."""
    shutil.rmtree(target, ignore_errors=True)
    link = ["cp", "-a", "--link", f"{source}/.", str(target)]
    copy = ["cp", "-a", "--reflink=auto", f"{source}/.", str(target)]
    target.mkdir(mode=0o700, parents=True)
    if subprocess.run(link, capture_output=True, check=False).returncode:
        subprocess.run(copy, check=True)  # the cache lies on another file system
        return
    for database in target.rglob("*.db"):
        private = database.with_suffix(".tmp")
        shutil.copy2(database, private)
        private.replace(database)


def build(scratch: Path) -> None:
    """Make the archives and import them into a store at ``scratch/root``."""
    pause = scratch / "pause"
    source = Path(__file__).with_name("pause.c")
    try:
        commands.output(["gcc", "-static", "-Os", "-s", "-o", str(pause), str(source)])
    except commands.Failed as error:
        raise LocalKubeError(f"cannot compile {source}: {error.said.strip()[-400:]}") from None
    for number, image in enumerate(images(pause)):
        with tarfile.open(scratch / f"{number}.tar", "w") as archive:
            write_archive(image, archive)
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        commands.output([*command, *python("localkube.images", str(scratch))], folder=project.ROOT)
    except commands.Failed as error:
        raise LocalKubeError(f"cannot unpack the images: {error.said.strip()[-400:]}") from None


def unpack(scratch: Path) -> None:
    """Import ``scratch/*.tar`` by a containerd of its own; runs in namespaces of its own."""
    os.umask(USUAL_UMASK)
    cover(["/run"], [scratch, project.ROOT, tools.cache_dir()])
    config = Path("/run/containerd.toml")
    config.write_text(f"""\
version = 3
root = {json.dumps(str(scratch / "root"))}
state = "/run/c"
# what is not needed to unpack images, and would leave folders on the host
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime",
  "io.containerd.cri.v1.images", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/c.sock"
""")
    path = f"{tools.bin_dir()}:{os.environ['PATH']}"
    log = (scratch / "log").open("w")
    daemon = subprocess.Popen(
        [str(tools.path("containerd")), "--config", str(config)],
        env={**os.environ, "PATH": path},
        stdout=log,
        stderr=log,
    )
    client = [str(tools.path("ctr")), "--address", "/run/c.sock", "--namespace", "k8s.io"]
    until = time.monotonic() + 30
    while subprocess.run([*client, "version"], capture_output=True, check=False).returncode:
        if daemon.poll() is not None or time.monotonic() > until:
            raise SystemExit((scratch / "log").read_text()[-1000:])
        time.sleep(0.05)
    for archive in sorted(scratch.glob("*.tar")):
        subprocess.run([*client, "images", "import", str(archive)], check=True)
    daemon.terminate()
    daemon.wait()


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
