"""GPT-2 as a classifier of token sequences: presets, model classes and their registration."""
