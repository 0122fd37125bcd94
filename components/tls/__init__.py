"""Keys, certificates and the Secrets that hold them."""
