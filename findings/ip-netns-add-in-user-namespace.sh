#!/usr/bin/env bash
# iproute2 6.1.0-3, as Debian 12 packages it. Needs apt on Debian 12, util-linux, and user namespaces for ordinary users.
#
# Root of a user namespace (unshare --user --map-root-user --mount, as rootless containers and CI jobs have it) makes a
# network namespace by name. The process is still in the machine's network namespace, which is not its own.
# Expected: it succeeds, or it fails and nothing was made.
# Happens: the namespace is made, named, mounted and usable; then ip wants back to where it came from, may not, and
#   ends with 1: "setns: Operation not permitted". What follows `set -e` or a check of the exit code gives up, and the
#   next try says "File exists". From a network namespace of one's own (--net) the same command ends with 0.
# Why it matters: scripts that set up labs, tests or meshes by `ip netns add` seem to be impossible without root, and
#   are not: `unshare --net=FILE true` does the same and ends with 0.
# Seen:
#   in the machine's network namespace: add 1, listed made, mounted 1, its links lo, again 1
#   in one of its own:                  add 0, listed made, mounted 1, its links lo, again 1
#   unshare --net=FILE true:            0, mounted 1
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need apt-get dpkg-deb unshare nsenter
version=6.1.0-3
(cd "$work" && apt-get download --quiet "iproute2=$version" >/dev/null 2>&1) ||
  fail "apt has no iproute2 $version here: Debian 12 has it"
dpkg-deb --extract "$work"/iproute2_*.deb "$work/iproute2"
unshare --user --map-root-user --mount --net true || fail "this machine gives ordinary users no namespaces"

cat >"$work/add" <<'SH'
mount -t tmpfs tmpfs /run
code=0
"$1" netns add made 2>/dev/null || code=$?
again=0
"$1" netns add made 2>/dev/null || again=$?
links=$(nsenter --net=/run/netns/made "$1" -oneline link show | cut -d: -f2 | tr -d ' ')
echo "add $code, listed $(ls /run/netns), mounted $(grep -c ' /run/netns/made ' /proc/self/mountinfo)," \
  "its links $links, again $again"
SH
cat >"$work/instead" <<'SH'
mount -t tmpfs tmpfs /run
touch /run/made
code=0
unshare --net=/run/made true || code=$?
echo "$code, mounted $(grep -c ' /run/made ' /proc/self/mountinfo)"
SH

ip="$work/iproute2/bin/ip"
[ -x "$ip" ] || ip="$work/iproute2/sbin/ip"
chmod 755 "$work" # root of the user namespace may be nobody to it
in_machines=$(unshare --user --map-root-user --mount sh "$work/add" "$ip")
in_own=$(unshare --user --map-root-user --mount --net sh "$work/add" "$ip")
instead=$(unshare --user --map-root-user --mount sh "$work/instead")
echo "in the machine's network namespace: $in_machines"
echo "in one of its own:                  $in_own"
echo "unshare --net=FILE true:            $instead"
rest="listed made, mounted 1, its links lo, again 1"
[ "$in_machines" = "add 1, $rest" ] || fail "in the machine's network namespace it behaves otherwise now"
[ "$in_own" = "add 0, $rest" ] || fail "in a network namespace of its own it behaves otherwise now"
[ "$instead" = "0, mounted 1" ] || fail "unshare behaves otherwise now"
