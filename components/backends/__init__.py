"""Where clusters come from: one module a backend, behind one protocol."""
