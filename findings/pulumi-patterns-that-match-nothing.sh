#!/usr/bin/env bash
# Pulumi CLI v3.274.1 (Go module github.com/pulumi/pulumi/pkg/v3), with the Python language host of sdk/v3 v3.75.0 and
# Python's pulumi 3.272.0. Needs Go 1.26, Python 3.11 and the network. It downloads 1.5 GB of sources. The first run
# compiles for up to ten minutes and leaves 2 GB in Go's build cache; later ones take two minutes.
#
# A stack has the resources "one" and "two". A command names a resource that does not exist, by its URN or by a pattern,
# as a misspelt name gives.
# Expected: either is refused.
# Happens: a URN is refused. A pattern that matches nothing is taken: exit code 0, and no word about it. Then --target
#   and --replace do nothing, and --exclude spares nothing: destroy deletes both resources.
# Why it matters: a runbook that replaces a broken cluster, or destroys all but one, succeeds for a misspelt name. It
#   has replaced nothing, or destroyed all. Name resources by whole URNs, as "pulumi stack --show-urns" prints them.
# Seen:
#                         URN                   pattern
#   up --target           exit code 1, 2 left   exit code 0, 2 left
#   up --replace          exit code 1, 2 left   exit code 0, 2 left
#   refresh --target      exit code 1, 2 left   exit code 0, 2 left
#   destroy --target      exit code 1, 2 left   exit code 0, 2 left
#   destroy --exclude     exit code 1, 2 left   exit code 0, 0 left
# shellcheck source=findings/lib.sh
FINDING_LIMIT=3000
. "$(dirname "$0")/lib.sh"
seen=$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")
packages pulumi==3.272.0
need go
mkdir "$work/cli" "$work/host" "$work/bin" "$work/state"
(
  cd "$work/cli"
  go_module github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@v3.274.1 1.26
  go build -ldflags '-s -w' -o "$work/bin/" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
  cd "$work/host"
  host=github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python
  go_module "$host@v3.75.0" 1.26
  go build -ldflags '-s -w' -o "$work/bin/" "$host"
  sources=$(go list -m -f '{{.Dir}}' github.com/pulumi/pulumi/sdk/v3)
  install "$sources/python/cmd/pulumi-language-python-exec" "$work/bin"
)
cd "$work"
cat >Pulumi.yaml <<'YAML'
name: lab
runtime: python
YAML
cat >__main__.py <<'PY'
import pulumi

for name in "one", "two":
    pulumi.ComponentResource("lab:index:Cluster", name)
PY
export PATH="$work/bin:$PATH" PULUMI_HOME="$work/home" PULUMI_BACKEND_URL="file://$work/state"
export PULUMI_CONFIG_PASSPHRASE='' PULUMI_SKIP_UPDATE_CHECK=true PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
pulumi stack init lab 2>/dev/null

# try COMMAND OPTION NAME: print the exit code, and how many resources are left of two.
try() {
  local code=0
  pulumi up --yes --skip-preview >log 2>&1 || fail "pulumi up: $(tail -5 log)"
  pulumi "$1" --yes --skip-preview "$2" "$3" >log 2>&1 || code=$?
  echo "exit code $code, $(pulumi stack export | grep -c '"type": "lab:index:Cluster"' || true) left"
}

{
  printf '%-22s%-22s%s\n' "" URN pattern
  for each in "up --target" "up --replace" "refresh --target" "destroy --target" "destroy --exclude"; do
    read -r command option <<<"$each"
    urn=$(try "$command" "$option" urn:pulumi:lab::lab::lab:index:Cluster::third)
    printf '%-22s%-22s%s\n' "$each" "$urn" "$(try "$command" "$option" '**third')"
  done
} >"$work/seen"
cat "$work/seen"
[ "$(cat "$work/seen")" = "$seen" ] || fail "CHANGED: other than described"
