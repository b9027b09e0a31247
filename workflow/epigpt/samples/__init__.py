"""Who the samples are: sample sheet, label, donor, organism, assay, and how characteristics go
together."""
