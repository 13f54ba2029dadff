"""What the apps of all peers share. It needs nothing but Python, so that each environment has it."""
