"""Traffic, faults and the proof of what they cost."""
