"""Client libraries as people have them, at their defaults, while something is broken on purpose."""
