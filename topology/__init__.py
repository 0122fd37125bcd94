"""The live picture: which way requests take, and who takes over, from the proxies themselves."""
