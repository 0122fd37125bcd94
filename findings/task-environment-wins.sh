#!/usr/bin/env bash
# go-task 3.54.0 (PyPI go-task-bin 3.54.0). Needs Python 3.11 and the network for pip.
#
# A Taskfile pins "env: KUBECONFIG: ./demo.kubeconfig" (for the file, or for one task) and "vars: REGION: east".
# Expected: what a file or a task pins holds for its commands, as "environment" of Compose or "env" of a CI job
#   does, and NAME=value on the command line overrides it, as with make.
# Happens: the other way round, both. The caller's exported KUBECONFIG wins over env, silently; vars is not
#   looked up in the environment. REGION=west on the command line wins over the file's vars but not over the
#   task's own vars. And a command that exits 7 makes task exit 201, unless -x is given.
# Why it matters: a Taskfile that pins a kubeconfig protects nobody: who has production exported runs the drill
#   there. Pin it in the command (kubectl --kubeconfig), and write own vars as '{{.REGION | default "east"}}'.
# Seen:
#   task of-file: ./demo.kubeconfig
#   env KUBECONFIG=/home/me/production task of-file: /home/me/production
#   env KUBECONFIG=/home/me/production task of-task: /home/me/production
#   env REGION=west task var-of-file: east
#   task var-of-file REGION=west: west
#   task var-of-task REGION=west: east
#   task var-with-default REGION=west: west
#   exit 7: task exits 201, task -x exits 7
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages go-task-bin==3.54.0
cd "$work"
unset KUBECONFIG REGION
cat >Taskfile.yml <<'YAML'
version: "3"
silent: true
env: {KUBECONFIG: ./demo.kubeconfig}
vars: {REGION: east}
tasks:
  of-file: 'echo "$KUBECONFIG"'
  of-task:
    env: {KUBECONFIG: ./demo.kubeconfig}
    cmds: ['echo "$KUBECONFIG"']
  var-of-file: 'echo "{{.REGION}}"'
  var-of-task:
    vars: {REGION: east}
    cmds: ['echo "{{.REGION}}"']
  var-with-default:
    vars: {REGION: '{{.REGION | default "east"}}'}
    cmds: ['echo "{{.REGION}}"']
  seven: exit 7
YAML
changed=()
# expect WANTED COMMAND...: run it and compare what it prints.
expect() {
  local wanted=$1 got
  shift
  got=$("$@")
  echo "$*: $got"
  [ "$got" = "$wanted" ] || changed+=("$*: $got instead of $wanted")
}
expect ./demo.kubeconfig task of-file
expect /home/me/production env KUBECONFIG=/home/me/production task of-file
expect /home/me/production env KUBECONFIG=/home/me/production task of-task
expect east env REGION=west task var-of-file
expect west task var-of-file REGION=west
expect east task var-of-task REGION=west
expect west task var-with-default REGION=west
code=0
task seven 2>/dev/null || code=$?
exact=0
task -x seven 2>/dev/null || exact=$?
echo "exit 7: task exits $code, task -x exits $exact"
[ "$code/$exact" = 201/7 ] || changed+=("exit 7 gives $code, with -x $exact")
[ ${#changed[@]} -eq 0 ] || fail "CHANGED: ${changed[*]}"
