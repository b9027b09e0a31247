"""Train on one series, test on another."""
