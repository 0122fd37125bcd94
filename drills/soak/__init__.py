"""Random faults under traffic for hours: each healed and scored, and nothing may grow."""
