"""The command line: `headrace worker`, `headrace demo`, and the operator's commands."""
