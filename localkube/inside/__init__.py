"""What runs in the lab: the first process of a node, its controllers, and the ways in and out."""
