"""Kubernetes manifests as data: read as kubectl reads them, checked, and told apart."""
