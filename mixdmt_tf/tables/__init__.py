"""Tables of papers: definitions, training runs of their cells, reports."""
