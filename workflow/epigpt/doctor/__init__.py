"""Is this machine or cluster ready: what `epigpt doctor` looks at."""
