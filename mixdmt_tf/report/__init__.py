"""HTML reports of runs: their content, and how it is rendered."""
