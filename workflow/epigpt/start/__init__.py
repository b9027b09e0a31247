"""From a source to a running workflow: what it is, what it costs, the files, the run."""
