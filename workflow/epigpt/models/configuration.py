"""Configuration of our model class, apart from the class itself, so that it can be read without importing torch."""

from transformers.models.gpt2.configuration_gpt2 import GPT2Config

MODEL_TYPE = "epigpt-gene-values"


class GeneValuesConfig(GPT2Config):
    """GPT-2's configuration under a name of its own."""

    model_type = MODEL_TYPE
