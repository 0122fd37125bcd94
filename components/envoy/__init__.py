"""Envoy's configuration, rendered by pure functions: the edge, the regional gateways, their pods."""
