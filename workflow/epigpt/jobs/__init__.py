"""How a rule becomes a job: its command line, what it asks a machine for, the files of its fits."""
