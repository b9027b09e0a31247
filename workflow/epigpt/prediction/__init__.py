"""Score new samples with a finished model."""
