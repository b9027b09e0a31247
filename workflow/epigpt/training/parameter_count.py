"""How many weights a classifier has, and how many of them are trained. Apart from the code that
trains, which takes seconds to import: `epigpt plan` needs the counts alone."""

from epigpt.models.presets import ModelPreset

LORA_RANK, LORA_ALPHA = 8, 16


def head_parameters(
    preset: ModelPreset, vocabulary: int, classes: int, linear_path: bool = False
) -> int:
    """Count the weights of the head; with the linear path a weight for each token and class, and a
    bias for each class, come on top."""
    linear = (vocabulary + 1) * classes if linear_path else 0
    return preset.width * classes + linear


def all_parameters(
    preset: ModelPreset, vocabulary: int, classes: int, linear_path: bool = False
) -> int:
    """Count the weights of a classifier, its head included."""
    return preset.parameters(vocabulary) + head_parameters(preset, vocabulary, classes, linear_path)


def trained_parameters(
    tuning: str,
    preset: ModelPreset,
    vocabulary: int,
    classes: int,
    *,
    new_embedding: bool,
    linear_path: bool = False,
) -> int:
    """Count the weights that are trained (`epigpt.training.tuning.prepare`).

    Parameters
    ----------
    preset
        With no layers for the variant without blocks.
    new_embedding
        Whether the token embedding has no published weights and must be learnt beside the adapters.
    linear_path
        Whether the classifier has one (`epigpt.models.gene_values`); without blocks it alone is
        trained.
    """
    if preset.layers == 0 and linear_path:
        return (vocabulary + 1) * classes
    head = head_parameters(preset, vocabulary, classes, linear_path)
    if tuning == "frozen":
        return head
    if tuning == "lora":
        # Per block: width to 3 widths, width to width, width to 4 widths and back.
        adapters = preset.layers * LORA_RANK * preset.width * (4 + 2 + 5 + 5)
        return adapters + head + (vocabulary * preset.width if new_embedding else 0)
    return preset.parameters(vocabulary) + head
