"""EpiGPT: from a GEO accession to a fine-tuned GPT-2 and an honest report."""

__version__ = "0.1.0"
