"""GEO: where a series is, what lies beside it, and reading its record and its matrix."""
