#!/usr/bin/env bash
# client-go v0.37.1 (what kubectl, Pulumi's Kubernetes provider and controllers ask API servers with). Needs Go 1.26
# and the network.
#
# An API server is gone in three ways: its port refuses connections; what stands before it (a load balancer, a
# relay, a NAT) accepts each connection and resets it; or it accepts and closes it. No retry is configured.
# Expected: all three are an error at once.
