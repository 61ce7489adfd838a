"""One training run: set-up, training loop, checkpoints, logs, results, export."""
