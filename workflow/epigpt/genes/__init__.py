"""Genes: what an identifier means, which genes correspond between species, and which mark a
biological state."""
