"""The AnnData contract: assemble counts.h5ad from record, matrix and labels; read it back;
normalise it."""
