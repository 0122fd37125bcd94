"""What all other packages stand on: what identifies an object, and who owns its fields."""
