"""What the apps of all peers share. It needs nothing but Python: each environment has it."""
