"""How many weights are trained. Apart from the code that trains, which takes seconds to import:
`epigpt plan` needs the count alone."""

from epigpt.models.presets import ModelPreset

LORA_RANK, LORA_ALPHA = 8, 16


def trained_parameters(
    tuning: str, preset: ModelPreset, vocabulary: int, classes: int, new_embedding: bool
) -> int:
    """Count the weights that are trained.

    Parameters
    ----------
    new_embedding
        Whether the token embedding has no published weights and must be learnt beside the adapters.
    """
    head = preset.width * classes
    if tuning == "frozen":
        return head
    if tuning == "lora":
        # Per block: width to 3 widths, width to width, width to 4 widths and back.
        adapters = preset.layers * LORA_RANK * preset.width * (4 + 2 + 5 + 5)
        return adapters + head + (vocabulary * preset.width if new_embedding else 0)
    return preset.parameters(vocabulary) + head
