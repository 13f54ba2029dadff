"""The command line: `headrace worker`, `headrace demo`."""
