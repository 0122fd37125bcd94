"""Which Services are exposed, by which annotations, and who gets their requests. Pure."""
