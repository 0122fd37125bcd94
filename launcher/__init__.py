"""`./demo`: the environment of its commands, and what Pulumi needs around each of them."""
