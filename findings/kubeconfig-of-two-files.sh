#!/usr/bin/env bash
# client-go v0.37.1 (what kubectl reads kubeconfigs with), kubernetes 37.0.2, kubernetes-asyncio 36.1.0, kr8s
# 0.20.15 and lightkube 1.0.1 (Python). Needs Go 1.26, Python 3.11 and the network.
#
# KUBECONFIG names two files, each with a cluster and a current-context of its own: "east:west", then
# "west:east". In a second pair both files call their context, cluster and user "demo", as two kind or
# minikube files may.
# Expected: all libraries do as kubectl does: the first file that sets a value wins, for current-context too.
# Happens: kubernetes and kubernetes-asyncio take current-context from the LAST file and everything else from
#   the first. kr8s does it the other way round: current-context from the first, and of entries of one name
#   the last. lightkube takes the whole list for the name of one file.
# Why it matters: "KUBECONFIG=east:west" is how one works with several clusters. kubectl shows east, and the
#   Python drill started from the same shell strikes west, with valid credentials. Name the context.
# Seen:
#   KUBECONFIG=         east:west             west:east             demo-east:demo-west   demo-west:demo-east
#   client-go           east                  west                  east                  west
#   kubernetes          west                  east                  east                  west
#   kubernetes-asyncio  west                  east                  east                  west
#   kr8s                east                  west                  west                  east
#   lightkube           error                 error                 error                 error
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go
packages kubernetes==37.0.2 kubernetes-asyncio==36.1.0 kr8s==0.20.15 lightkube==1.0.1
mkdir "$work/reader"
cat >"$work/reader/main.go" <<'GO'
package main

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(config.Host)
}
GO
(
  cd "$work/reader"
  go_module k8s.io/client-go@v0.37.1 1.26
  go build -o "$work/client-go" .
)
cat >"$work/read.py" <<'PY'
import asyncio
import sys


async def by_kr8s():
    from kr8s._auth import KubeAuth

    auth = KubeAuth()
    await auth.reauthenticate()
    return auth.server


match sys.argv[1]:
    case "kubernetes":
        from kubernetes import client, config

        config.load_kube_config()
        print(client.Configuration.get_default_copy().host)
    case "kubernetes-asyncio":
        from kubernetes_asyncio import client, config

        asyncio.run(config.load_kube_config())
        print(client.Configuration.get_default_copy().host)
    case "kr8s":
        print(asyncio.run(by_kr8s()))
    case "lightkube":
        from lightkube.config.kubeconfig import KubeConfig

        print(KubeConfig.from_env().get().cluster.server)
PY
python - <<'PY'
import json
import os
import pathlib
import subprocess
import sys
from lab import claim

work = pathlib.Path(os.environ["WORK"])


def write(file, name, server):
    """Write a kubeconfig whose context, cluster and user are of one name."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"http://{server}.test"}}],
        "users": [{"name": name, "user": {"token": server}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    (work / file).write_text(json.dumps(document))


write("east", "east", "east")
write("west", "west", "west")
write("demo-east", "demo", "east")
write("demo-west", "demo", "west")
readers = {"client-go": [work / "client-go"]}
for name in ("kubernetes", "kubernetes-asyncio", "kr8s", "lightkube"):
    readers[name] = [sys.executable, work / "read.py", name]


def chosen(command, *files):
    """Return the region whose API server a client chooses, or "error"."""
    environment = os.environ | {"KUBECONFIG": ":".join(str(work / file) for file in files)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()[len("http://") : -len(".test")] if done.returncode == 0 else "error"


pairs = [("east", "west"), ("west", "east"), ("demo-east", "demo-west"), ("demo-west", "demo-east")]
print(f"{'KUBECONFIG=':20}" + "".join(f"{':'.join(pair):22}" for pair in pairs).rstrip())
expected = {
    "client-go": ["east", "west", "east", "west"],
    "kubernetes": ["west", "east", "east", "west"],
    "kubernetes-asyncio": ["west", "east", "east", "west"],
    "kr8s": ["east", "west", "west", "east"],
    "lightkube": ["error"] * 4,
}
changed = []
for name, command in readers.items():
    regions = [chosen(command, *pair) for pair in pairs]
    print(f"{name:20}" + "".join(f"{region:22}" for region in regions).rstrip())
    if regions != expected[name]:
        changed.append(name)
claim(not changed, f"read otherwise by {changed}")
PY
