"""What other queues do with the same jobs, on the same server, in the same minutes."""
