#!/usr/bin/env bash
# client-go v0.37.1 (what kubectl, Pulumi's Kubernetes provider and controllers ask API servers with). Needs Go 1.26
# and the network.
#
# An API server is gone: its port refuses connections; or what stands before it (a relay, a load balancer, a NAT)
# accepts each connection and resets it. No retry is configured.
# Expected: each call is an error at once.
# Happens: so it is where the port refuses. A GET or LIST whose connection is reset is sent eleven times, a second
#   apart, without a word. POST, PATCH and DELETE are sent once.
# Why it matters: a tool that makes three requests to a cluster whose load balancer outlived it takes half a minute
#   to say so, for each cluster, and rest.Config.Timeout is all that bounds it. Before an API server, refuse.
# Seen:
#   refused  get      0 connections    0 s
#   refused  list     0 connections    0 s
#   refused  create   0 connections    0 s
#   refused  patch    0 connections    0 s
#   refused  delete   0 connections    0 s
#   reset    get     11 connections   10 s
#   reset    list    11 connections   10 s
#   reset    create   1 connections    0 s
#   reset    patch    1 connections    0 s
#   reset    delete   1 connections    0 s
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need go
mkdir "$work/caller"
cat >"$work/caller/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var tries atomic.Int32

func gone(how string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := listener.Addr().String()
	if how == "refused" {
		listener.Close()
		return address
	}
	go func() {
		for {
			each, err := listener.Accept()
			if err != nil {
				return
			}
			tries.Add(1)
			each.(*net.TCPConn).SetLinger(0)
			each.Close()
		}
	}()
	return address
}

func main() {
	background := context.Background()
	maps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	made := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"},
	}}
	for _, how := range []string{"refused", "reset"} {
		config := &rest.Config{Host: "http://" + gone(how), QPS: 1000, Burst: 1000, Timeout: time.Minute}
		client, err := dynamic.NewForConfig(config)
		if err != nil {
			panic(err)
		}
		of := client.Resource(maps).Namespace("default")
		calls := []struct {
			verb string
			call func() error
		}{
			{"get", func() error { _, err := of.Get(background, "a", metav1.GetOptions{}); return err }},
			{"list", func() error { _, err := of.List(background, metav1.ListOptions{}); return err }},
			{"create", func() error { _, err := of.Create(background, made, metav1.CreateOptions{}); return err }},
			{"patch", func() error {
				_, err := of.Patch(background, "a", types.MergePatchType, []byte("{}"), metav1.PatchOptions{})
				return err
			}},
			{"delete", func() error { return of.Delete(background, "a", metav1.DeleteOptions{}) }},
		}
		for _, each := range calls {
			tries.Store(0)
			begin := time.Now()
			if each.call() == nil {
				panic("no error")
			}
			fmt.Printf("%-8s %-7s %2d connections %4.0f s\n", how, each.verb, tries.Load(), time.Since(begin).Seconds())
		}
	}
}
GO
(
  cd "$work/caller"
  go_module k8s.io/client-go@v0.37.1 1.26
  go build -o "$work/call" .
)
"$work/call" | tee "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n 's/^#   \(refused\|reset\)/\1/p' "$0")" ] || fail "other than described"
