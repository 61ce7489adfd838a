"""An exported model behind HTTP: what `bin/serve` runs."""
