"""Where the server of a trial is found."""

VARIABLE = "HEADRACE_MUTATION_URL"
