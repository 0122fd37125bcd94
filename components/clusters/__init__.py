"""What is registered in a cluster: its provider, the application, any manifest."""
