"""Expression matrices as GEO's submitters hand them in: what each file holds, which one is read,
and how."""
