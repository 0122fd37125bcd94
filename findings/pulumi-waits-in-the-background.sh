#!/usr/bin/env bash
# Pulumi CLI v3.274.1 (Go module github.com/pulumi/pulumi/pkg/v3), the language host of its SDK v3.75.0, and Python's
# pulumi 3.272.0. Needs Go 1.26, Python 3.11 and the network. It downloads 1.5 GB of sources. The first run compiles
# for up to ten minutes and leaves 2 GB in Go's build cache; later ones take two minutes.
#
# An empty program is previewed by a script: in front, in its background (`pulumi preview &`, and then `wait`), and in
# its background with SIGINT as it is by default (`env --default-signal=INT`).
# Expected: all take as long. A shell lets a command in a script's background ignore Ctrl-C, and nobody types one.
# Happens: in the background a preview takes five seconds more, and so does an update. Pulumi starts a language host
#   only to ask about it, and ends that by SIGINT, which it was told to ignore like all that such a command starts.
#   After 5 s Pulumi kills it. Whatever Pulumi starts later ends at once, for by then it handles SIGINT itself.
# Why it matters: pipelines that preview several stacks at once, by `&`, take longer for it, and benchmarks that are
#   started so measure it. It looks like a network that does not answer.
# Seen:
#   in front: at once
#   in the background: 5 s later
#   in the background, SIGINT by default: at once
# shellcheck source=findings/lib.sh
FINDING_LIMIT=3000
. "$(dirname "$0")/lib.sh"
need go
packages pulumi==3.272.0 pip
mkdir "$work/cli" "$work/host" "$work/bin" "$work/state" "$work/project"
(
  cd "$work/cli"
  go_module github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@v3.274.1 1.26
  go build -ldflags '-s -w' -o "$work/bin/pulumi" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
  cd "$work/host"
  go_module github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python@v3.75.0 1.26
  go build -ldflags '-s -w' -o "$work/bin/" github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python
  cp "$(go list -m -f '{{.Dir}}' github.com/pulumi/pulumi/sdk/v3)/python/cmd/pulumi-language-python-exec" "$work/bin/"
)
chmod +x "$work"/bin/*
cd "$work/project"
printf 'name: demo\nruntime: python\n' >Pulumi.yaml
touch __main__.py
export PATH="$work/bin:$PATH" PULUMI_HOME="$work/home" PULUMI_BACKEND_URL="file://$work/state"
export PULUMI_CONFIG_PASSPHRASE=demo PULUMI_SKIP_UPDATE_CHECK=true
pulumi stack init dev --non-interactive >"$work/log" 2>&1 || fail "$(tail -3 "$work/log")"

# took COMMAND...: how many milliseconds it takes.
took() {
  local began
  began=$(date +%s%3N)
  "$@" || fail "$(tail -3 "$work/log")"
  echo $(($(date +%s%3N) - began))
}
# As in front, even where this script itself runs in a background.
in_front() { env --default-signal=INT pulumi preview --non-interactive >"$work/log" 2>&1; }
in_background() {
  "$@" pulumi preview --non-interactive >"$work/log" 2>&1 &
  wait $!
}
in_front # what is read for the first time takes longer
base=$(took in_front)

# said NAME MILLISECONDS: print how much later than in front it ends.
said() {
  local more=$(($2 - base))
  if [ "$more" -lt 2500 ]; then
    echo "$1: at once"
  elif [ "$more" -lt 7500 ]; then
    echo "$1: 5 s later"
  else
    echo "$1: $more ms later"
  fi
}
{
  said "in front" "$(took in_front)"
  said "in the background" "$(took in_background)"
  said "in the background, SIGINT by default" "$(took in_background env --default-signal=INT)"
} >"$work/seen"
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$here/$(basename "$0")")" ] ||
  fail "CHANGED: other than described"
