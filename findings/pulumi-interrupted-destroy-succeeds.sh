#!/usr/bin/env bash
# Pulumi CLI v3.274.1 (Go module github.com/pulumi/pulumi/pkg/v3), and Python's pulumi 3.272.0 for a provider. Needs
# Go 1.26, Python 3.11 and the network. It downloads 1.5 GB of sources. The first run compiles for up to ten minutes
# and leaves 2 GB in Go's build cache; later ones take two minutes.
#
# A stack has two resources, "second" made after "first", each of which takes 3 s to delete. A destroy gets one
# signal while it deletes "second": Ctrl-C, or SIGTERM as a CI runner sends to a cancelled job.
# Expected: the deletion under way ends, "first" stays, and the command fails. (An interrupted pulumi up does:
#   "update canceled", exit code 1.)
# Happens: "first" stays. But destroy prints no error, says that the resources have been deleted, and exits 0. With
#   --remove it exits 1, since the stack still contains resources.
# Why it matters: a pipeline goes on after a destroy that "succeeded". It removes the state or the credentials, and
#   Pulumi can no longer delete what was left. Destroy with --remove, or ask "pulumi stack export" what is left.
# Seen:
#   destroy, SIGINT: exit code 0, left in the state: first; it says "have been deleted": True, "error": False
#   destroy, SIGTERM: exit code 0, left in the state: first; it says "have been deleted": True, "error": False
#   destroy --remove, SIGTERM: exit code 1, left in the state: first; it says "have been deleted": False, "error": True
# shellcheck source=findings/lib.sh
FINDING_LIMIT=3000
. "$(dirname "$0")/lib.sh"
need go
packages pulumi==3.272.0
mkdir "$work/cli" "$work/bin" "$work/state"
(
  cd "$work/cli"
  go_module github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@v3.274.1 1.26
  go build -ldflags '-s -w' -o "$work/bin/pulumi" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
)
cd "$work"
cat >bin/pulumi-resource-slow <<'SH'
#!/bin/sh
exec python "$WORK/provider.py"
SH
chmod +x bin/pulumi-resource-slow
cat >provider.py <<'PY'
import time
from concurrent.futures import ThreadPoolExecutor
import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc


class Slow(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")

    def Configure(self, request, context):
        return provider_pb2.ConfigureResponse(acceptSecrets=True)

    def Delete(self, request, context):
        time.sleep(3)
        return empty_pb2.Empty()

    def Cancel(self, request, context):
        return empty_pb2.Empty()


server = grpc.server(ThreadPoolExecutor(4))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Slow(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
PY
printf 'name: demo\nruntime: python\n' >Pulumi.yaml # destroy does not run the program
export PATH="$work/bin:$PATH" PULUMI_HOME="$work/home" PULUMI_BACKEND_URL="file://$work/state"
export PULUMI_CONFIG_PASSPHRASE=demo PULUMI_SKIP_UPDATE_CHECK=true
python - >seen <<'PY'
import json
import signal
import subprocess

URN = "urn:pulumi:dev::demo::"
PROVIDER = {
    "urn": f"{URN}pulumi:providers:slow::default",
    "custom": True,
    "id": "1",
    "type": "pulumi:providers:slow",
}


def thing(name, *dependencies):
    return {
        "urn": f"{URN}slow:index:Thing::{name}",
        "custom": True,
        "id": name,
        "type": "slow:index:Thing",
        "provider": f"{PROVIDER['urn']}::1",
        "dependencies": dependencies,
    }


first = thing("first")
resources = [PROVIDER, first, thing("second", first["urn"])]
state = json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": resources}})


def pulumi(*command, **more):
    return subprocess.run(["pulumi", *command], check=True, text=True, capture_output=True, **more)


def interrupted(number, *command):
    """Print what a destroy says and leaves that gets a signal in the first deletion."""
    pulumi("stack", "import", input=state)
    whole = ["pulumi", *command, "--yes", "--skip-preview", "--non-interactive"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    said = []
    with subprocess.Popen(whole, **pipes) as destroy:
        for line in destroy.stdout:
            said.append(line)
            if "second deleting" in line:
                destroy.send_signal(number)
    kept = json.loads(pulumi("stack", "export").stdout)["deployment"].get("resources", [])
    names = [each["id"] for each in kept if each["type"] == "slow:index:Thing"]
    text = "".join(said)
    print(
        f"{' '.join(command)}, {number.name}: exit code {destroy.returncode},"
        f" left in the state: {' '.join(names)};"
        f' it says "have been deleted": {"have been deleted" in text}, "error": {"error" in text}'
    )


pulumi("stack", "init", "dev", "--non-interactive")
interrupted(signal.SIGINT, "destroy")
interrupted(signal.SIGTERM, "destroy")
interrupted(signal.SIGTERM, "destroy", "--remove")
PY
cat seen
[ "$(cat seen)" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$here/$(basename "$0")")" ] ||
  fail "CHANGED: other than described"
