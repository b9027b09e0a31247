"""Held-out performance: baselines on the same folds, metrics with intervals, the null, and the
verdict."""
