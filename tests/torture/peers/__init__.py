"""The same torture for other queues: their own workers, in environments of their own."""
