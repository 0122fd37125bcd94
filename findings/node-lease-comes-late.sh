#!/usr/bin/env bash
# k8s.io/component-helpers v0.37.1, whose lease controller runs in each kubelet. Needs Go 1.26 and the network. Compiling
# client-go takes two minutes the first time.
#
# A kubelet starts two things at once: it registers its node, and its lease controller creates the node's Lease in
# kube-node-lease, for which it looks up the node, the Lease's owner. Here a program stands in for the kubelet, with the
# controller as a kubelet has it, but that it renews each three seconds (a kubelet: ten). The node comes a fifth of a
# second after the start, or was there before.
# Expected: the Lease is there as soon as the node is. The controller tries a failed creation again after 0.2 s, then
#   0.4 s.
# Happens: a node that is not registered yet counts as no failure. The next try comes with the first renewal.
# Why it matters: a new node is Ready a second after its start, and has no Lease for nine more. What takes the Lease for
#   the sign of life calls it dead, or waits for it: look at the status's lastHeartbeatTime as well. A kubelet that comes
#   back, whose node is registered, has its Lease at once. With a kubelet 1.37.2 that renews each three seconds clusters
#   of one node were Ready after 3.6 s, and their Lease came after 5.6 s.
# Seen, seconds from the start to the Lease:
#   node there before  0.0
#   node after 0.2 s   3.1
# shellcheck source=findings/lib.sh
FINDING_LIMIT=600
. "$(dirname "$0")/lib.sh"
need go
mkdir "$work/program"
cat >"$work/program/main.go" <<'GO'
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	coordination "k8s.io/api/coordination/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const name, namespace = "node-1", "kube-node-lease"

func main() {
	klog.InitFlags(nil)
	flag.Set("logtostderr", "false")
	for _, after := range []time.Duration{0, 200 * time.Millisecond} {
		fmt.Printf("%v %.1f\n", after, seconds(after))
	}
}

// seconds tells when the Lease is there, counted from the start of the controller.
func seconds(after time.Duration) float64 {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := fake.NewClientset()
	owned := func(made *coordination.Lease) error {
		node, err := client.CoreV1().Nodes().Get(ctx, name, meta.GetOptions{})
		if err != nil {
			return err
		}
		made.OwnerReferences = []meta.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: node.UID}}
		return nil
	}
	register := func() {
		node := &v1.Node{ObjectMeta: meta.ObjectMeta{Name: name, UID: "1"}}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, meta.CreateOptions{}); err != nil {
			panic(err)
		}
	}
	if after == 0 {
		register()
	} else {
		time.AfterFunc(after, register)
	}
	begin := time.Now()
	controller := lease.NewController(clock.RealClock{}, client, name, 12, nil, 3*time.Second, name, namespace, owned)
	go controller.Run(ctx)
	for time.Since(begin) < 20*time.Second {
		if _, err := client.CoordinationV1().Leases(namespace).Get(ctx, name, meta.GetOptions{}); err == nil {
			return time.Since(begin).Seconds()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return -1
}
GO
(
  cd "$work/program"
  go_module k8s.io/component-helpers@v0.37.1 1.26
  go get k8s.io/client-go@v0.37.1 2>/dev/null
  go mod tidy 2>/dev/null
  go build -o "$work/kubelet" .
)
"$work/kubelet" | tee "$work/seen"
awk '
  $1 == "0s" { there = $2 < 0.5 }
  $1 == "200ms" { late = $2 > 2.5 && $2 < 4 }
  END { exit !(there && late) }
' "$work/seen" || fail "the Lease comes at other times"
