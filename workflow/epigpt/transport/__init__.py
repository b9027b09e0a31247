"""Files over HTTP: pace, retries, resumption, progress, and whether what came is whole."""
