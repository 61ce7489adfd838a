"""The tables of the papers: their definitions, running their rows, reports."""
