"""HTTP server for an exported model, run by `bin/serve`."""
