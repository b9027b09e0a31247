"""What the model and the contrasts say about biology."""
