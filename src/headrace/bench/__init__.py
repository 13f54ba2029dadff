"""What a broker carries: workloads, measured fairly, and reports that say how."""
