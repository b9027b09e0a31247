"""Fixtures of the tests of `epigpt predict`: a finished model for each encoding."""

from finished_models import counts, genes, run  # noqa: F401
