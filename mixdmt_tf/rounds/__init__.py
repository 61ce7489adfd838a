"""Training in rounds of pseudo labels: the plan, its stages, and the outer loop."""
