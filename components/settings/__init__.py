"""The keys of a stack, read once and checked before anything is registered. Pure."""
