"""Envoy's configuration, rendered by pure functions: edge, regional gateways and their pods."""
