#!/usr/bin/env bash
# sigs.k8s.io/yaml v1.6.0 (what kubectl and Helm read manifests with), PyYAML 6.0.3, js-yaml 5.5.0 (what
# @kubernetes/client-node reads with). Needs Go 1.24, Python 3.11, node with npm, and the network.
#
# One valid manifest is turned into JSON by each of the three.
# Expected: the same objects; perhaps "yes" and "on" differ.
# Happens: "yes" and "on" agree between kubectl and PyYAML. What differs between these two is
#   y (kubectl: true, also as a key), 09 (kubectl: 9), a commit like 5e1 (kubectl: 50), a port or time like
#   22:22 (PyYAML: 1342, sexagesimal), a file mode 0o644 (PyYAML: text), a date (PyYAML: no JSON at all), and
#   "=" (PyYAML: an error). js-yaml reads the file mode 0644, which the other two take for octal, as decimal:
#   644 is mode 01204.
# Why it matters: the same file goes through kubectl in a runbook and through a library in a program or a
#   drill. A label "build: 5e1" is refused from one of them and not from the other; a mode applies differently.
#   Quote text, and write file modes in decimal.
# Seen:
#   value       kubectl        PyYAML         js-yaml
#   yes         true           true           "yes"
#   on          true           true           "on"
#   y           true           "y"            "y"
#   09          9              "09"           9
#   5e1         50             "5e1"          50
#   22:22       "22:22"        1342           "22:22"
#   0644        420            420            644
#   0o644       420            "0o644"        420
#   2026-11-27  "2026-11-27"   date, no JSON  "2026-11-27"
#   =           "="            error          "="
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go node npm
packages pyyaml==6.0.3
mkdir "$work/reader" "$work/js"
cat >"$work/values.txt" <<'TXT'
yes
on
y
09
5e1
22:22
0644
0o644
2026-11-27
=
TXT
cat >"$work/reader/main.go" <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text, err := yaml.YAMLToJSON([]byte("v: " + lines.Text()))
		if err != nil {
			text = []byte("error")
		}
		fmt.Println(string(text))
	}
}
GO
(
  cd "$work/reader"
  go_module sigs.k8s.io/yaml@v1.6.0 1.24
  go run . <"$work/values.txt" >"$work/kubectl.txt"
)
(
  cd "$work/js"
  npm install --silent --no-audit --no-fund js-yaml@5.5.0
  cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { load } from "js-yaml";
for (const line of readFileSync(0, "utf8").trim().split("\n")) console.log(JSON.stringify(load(`v: ${line}`)));
JS
  node read.mjs <"$work/values.txt" >"$work/js.txt"
)
python - <<'PY'
import json
import os
import pathlib
import yaml
from lab import claim

work = pathlib.Path(os.environ["WORK"])


def of_pyyaml(text):
    try:
        value = yaml.safe_load(f"v: {text}")["v"]
    except yaml.YAMLError:
        return "error"
    try:
        return json.dumps(value)
    except TypeError:
        return f"{type(value).__name__}, no JSON"


def column(name):
    lines = (work / name).read_text().splitlines()
    return ["error" if line == "error" else json.dumps(json.loads(line)["v"]) for line in lines]


values = (work / "values.txt").read_text().splitlines()
rows = list(zip(values, column("kubectl.txt"), map(of_pyyaml, values), column("js.txt"), strict=True))
for row in [("value", "kubectl", "PyYAML", "js-yaml"), *rows]:
    print("{:12}{:15}{:15}{}".format(*row))
expected = [
    ("yes", "true", "true", '"yes"'),
    ("on", "true", "true", '"on"'),
    ("y", "true", '"y"', '"y"'),
    ("09", "9", '"09"', "9"),
    ("5e1", "50", '"5e1"', "50"),
    ("22:22", '"22:22"', "1342", '"22:22"'),
    ("0644", "420", "420", "644"),
    ("0o644", "420", '"0o644"', "420"),
    ("2026-11-27", '"2026-11-27"', "date, no JSON", '"2026-11-27"'),
    ("=", '"="', "error", '"="'),
]
changed = [row[0] for row, old in zip(rows, expected, strict=True) if row != old]
claim(not changed, f"read otherwise: {changed}")
PY
