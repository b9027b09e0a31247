"""Where a result comes from: code, versions, checksums, what jobs measured, what to cite."""
