"""The demo's Pulumi components, and the pure functions that decide what they register."""
