"""GEO: where a series is, fetching it, and reading its record and its matrix."""
