"""What the application is in a cluster, and to those who look at it from outside. Pure."""
