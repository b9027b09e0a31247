"""Many series as one store of encoded samples, and what a model learns from them before it sees a
data set."""
