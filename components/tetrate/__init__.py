"""Platform `tetrate`: what is applied to clusters in which Tetrate's platform is installed."""
