"""What several methods share: optimizers, loss terms, averages, rounds, consistency."""
