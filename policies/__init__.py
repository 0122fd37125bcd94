"""What no preview may plan: rules as pure functions, and the pack that Pulumi's own CLI runs."""
