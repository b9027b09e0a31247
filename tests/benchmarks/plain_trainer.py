"""The transformers Trainer as it comes, on CPUs, with nothing saved and nothing reported."""

from transformers import TrainingArguments


def arguments(folder: str, batch: int, steps: int) -> TrainingArguments:
    """Return what it is told."""
    return TrainingArguments(
        folder,
        per_device_train_batch_size=batch,
        max_steps=steps,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
