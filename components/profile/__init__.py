"""The resilience settings of a Tetrate Profile, and what is unwise in them. Pure."""
