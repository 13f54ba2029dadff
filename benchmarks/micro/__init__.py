"""What each job pays for that is synchronous and small, as ratios to a reference operation."""
