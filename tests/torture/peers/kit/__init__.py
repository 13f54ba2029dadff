"""What runs in the environments of all peers: it needs nothing but Python."""
