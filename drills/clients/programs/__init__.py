"""Programs that each send by one client library; they run outside this environment."""
