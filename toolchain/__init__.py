"""The tools that the demo runs on: what they are, where they come from, how they are found.

Arrows inside this package point one way: `setup` -> `build` -> `tools` -> `pins`.
"""
