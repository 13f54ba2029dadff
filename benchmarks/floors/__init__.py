"""What the drivers alone can do, in the same minutes and on the same server as Headrace."""
