"""What the functions of a stage import, beside what its module imports at its top, and which
stages come after it.

The warm process imports it before it forks the stage's first job. Something that is missing here
costs each job its import, and nothing else. None of it may start a thread or touch a GPU, or forked
processes could use neither.
"""

_FITTING = ("epigpt.dataset.expression_data", "epigpt.evaluation.baselines", "sklearn.ensemble")
# What GPT-2 needs, in steps: between two of them the process forks, and notices ends of jobs.
_GPT2 = (
    "torch",
    "transformers.utils",
    "transformers.models.auto",
    "torch.distributed.tensor",
    "accelerate",
    "torch._dynamo",
    "transformers.models.gpt2.modeling_gpt2",
)
_REFITTING = (*_GPT2, "epigpt.evaluation.refit_pipeline", "epigpt.training.fits")
IMPORTED = {
    "counts": ("epigpt.dataset.assemble", "epigpt.dataset.storage"),
    "expression": (
        "epigpt.expression.embedding",
        "epigpt.expression.replicates",
        "scanpy",
        "umap",
    ),
    "differential_expression": ("epigpt.expression.contrasts",),
    "folds": ("epigpt.dataset.expression_data",),
    "foregone": ("epigpt.dataset.storage", "epigpt.evaluation.foregone"),
    "baseline": _FITTING,
    "baseline_null": _FITTING,
    "learning_curve": (*_FITTING, "epigpt.evaluation.learning_curve"),
    "cell_types": ("epigpt.dataset.storage", "epigpt.evaluation.cell_types"),
    "enrichment": ("epigpt.dataset.storage",),
    "models": (*_GPT2, "epigpt.training.fits"),
    "comparison": _REFITTING,
    "redraw": _REFITTING,
    "null": _REFITTING,
    "attributions": ("epigpt.interpretation.explain",),
    "report": ("matplotlib.pyplot", "sklearn.manifold"),
}
# Of one data set these run alone; another core can import meanwhile what comes next.
FOLLOWING = {
    "counts": ("expression", "folds", "differential_expression", "redraw"),
    "expression": ("encode", "baseline"),
    "evaluate": ("markers", "model_answer", "provenance", "report", "crate", "index"),
}


def modules(stage: str) -> tuple[str, ...]:
    """List the modules of a stage, its own first."""
    return f"epigpt.stages.{stage}", *IMPORTED.get(stage, ())
