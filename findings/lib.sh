# shellcheck shell=bash
# Read by each script of this folder: a temporary folder, pinned packages in it, and an end that leaves nothing.
set -euo pipefail

# About two minutes at most on an idle machine; five are the end, whatever its packages do. A script that compiles
# a large program sets FINDING_LIMIT (seconds) before it reads this file.
if [ -z "${FINDING_BOUNDED:-}" ]; then
  FINDING_BOUNDED=1 exec timeout --kill-after=10 "${FINDING_LIMIT:-300}" "$0" "$@"
fi

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
export WORK="$work" PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1
# Go's modules go there too; what it compiles stays in its own build cache, for a second run.
export GOPATH="$work/go" GOMODCACHE="$work/go/mod" GOFLAGS="-mod=mod -trimpath" GOTOOLCHAIN=local
# A proxy of the user must not come between processes of the loopback interface.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

cleanup() {
  local pid
  for pid in $(jobs -p); do
    kill "$pid" 2>/dev/null || true
  done
  wait
  chmod -R u+w "$work" # the Go module cache is read-only
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# need PROGRAM...: exit with a clear message where one is missing.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "needs $program on PATH"
  done
}

# packages NAME==VERSION...: put pinned PyPI packages first on PATH.
packages() {
  need python3
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' ||
    fail "needs Python 3.11 or newer with venv (Debian: python3-venv)"
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
  PATH="$work/venv/bin:$PATH"
}

# go_module PATH@VERSION GO: make this folder a Go module that needs a package, which wants that version of Go.
go_module() {
  go mod init finding 2>/dev/null
  go get "$1" 2>/dev/null || fail "cannot get $1 (Go $2 or newer?)"
}

# jars FOLDER GROUP:ARTIFACT:VERSION...: put pinned packages of Maven Central, and what they need, into FOLDER/lib.
jars() {
  local folder=$1 package group artifact version
  shift
  {
    echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
    echo '<groupId>finding</groupId><artifactId>finding</artifactId><version>1</version><dependencies>'
    for package in "$@"; do
      IFS=: read -r group artifact version <<<"$package"
      echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
    done
    echo '</dependencies></project>'
  } >"$folder/pom.xml"
  mvn --quiet --batch-mode --file "$folder/pom.xml" "-Dmaven.repo.local=$work/maven" dependency:copy-dependencies \
    -DoutputDirectory=lib >"$work/mvn.log" 2>&1 || fail "cannot get $*: $(tail -3 "$work/mvn.log")"
}
