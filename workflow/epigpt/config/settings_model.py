"""The keys that say what a model sees of a sample, and how it is trained."""

from typing import Annotated, Literal

from pydantic import Field

from epigpt.config.settings_section import Positive, Section


class ModelSettings(Section):
    """The model, its encoding and its training."""

    model: str = Field(
        "auto",
        min_length=1,
        description=(
            "Model preset: tiny, gpt2, gpt2-medium, gpt2-large or gpt2-xl, or a GPT-2 of another"
            " shape by its layers and width, such as gpt2-6x768. auto: what the folder in weights"
            " holds; without one gpt2-xl where the hardware has GPUs (a smaller one where their"
            " memory is too small for it), tiny where it has none."
        ),
    )
    encoding: Literal["program-tokens", "gene-values", "gene-tokens", "gene-sentence"] = Field(
        "program-tokens",
        description=(
            "program-tokens: at most 64 scores that are fitted on the training samples of each fold"
            " (principal components, genes that tell the classes apart, pairs of such genes in"
            " their order, a sparse rule that subsets of the donors agree on; with weights: corpus"
            " such a rule over the programmes that its series share, too); the model begins as a"
            " penalised linear classifier of them. gene-values: the genes that deviate most from"
            " the training samples, each with its deviation. gene-tokens: the detected genes ranked"
            " by their deviation, for GPT-2's stock class. gene-sentence: the same, their symbols"
            " written as text in GPT-2's own byte pairs."
        ),
    )
    gene_selection: Literal["deviation", "label", "both"] = Field(
        "both",
        description=(
            "How the genes of a sequence are chosen. label: those that tell the classes apart best"
            " among the training donors of each fold, by a moderated statistic. deviation: those"
            " that deviate most in the sample, whatever its label. both: half of either; of"
            " program-tokens the components follow the deviations, all others the labels."
        ),
    )
    exclude_genes: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list,
        description=(
            "Genes that no model may see: symbols, ids, or stretches of a chromosome such as"
            " chr10:1-5000000 (human GRCh38, mouse GRCm38). Differential expression keeps them."
        ),
    )
    max_genes: Annotated[int, Field(ge=8, le=1023)] = Field(
        128,
        description=(
            "Tokens per sequence at most: genes, or programs, of which there are 64; of a"
            " gene-sentence as many genes as fit whole into 1,024 pieces (about 290)."
        ),
    )
    vocabulary_genes: Annotated[int, Field(ge=8, le=65536)] = Field(
        1000,
        description=(
            "Genes that a model knows: those that vary most over its training samples, beyond what"
            " is usual at their level."
        ),
    )
    cells_per_donor: Positive | Literal["auto"] = Field(
        "auto",
        description=(
            "Single cells: how many of each donor and class train, test and explain the models,"
            " drawn by the seed; contrasts, baselines and null distributions of baselines sum all"
            " cells of a donor. auto: models see sums, too, where every sample has 10 cells and"
            " 5,000,000 counts; else 2,000 cells in all, but at least 50 and at most 500 of each."
        ),
    )
    views: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        "auto",
        description=(
            "Versions of each sample or cell: the first is the sample itself, the others draw a"
            " part of its counts (binomial thinning). auto: 4 of samples, 1 of single cells."
        ),
    )
    gene_dropout: Annotated[float, Field(ge=0, le=0.9)] = Field(
        0.0,
        description=(
            "Share of the genes that every view but the first hides, drawn anew for each view; 0:"
            " none."
        ),
    )
    epochs: Positive | Literal["auto"] = Field(
        "auto",
        description=(
            "Passes over the training views. auto: 10, but not more than 20 million tokens of"
            " samples or 500,000 of single cells, and 2 at least."
        ),
    )
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = Field(
        "auto",
        description=(
            "Peak learning rate of AdamW for the matrices of the blocks, or their adapters, after"
            " warm-up and before the cosine decay; the rates of embeddings and head keep their"
            " proportion to it. auto: the recipe in the preset's file."
        ),
    )
    global_batch_size: Positive = Field(
        16,
        description=(
            "Sequences per optimiser step over all devices; micro-batch and accumulation follow"
            " from it."
        ),
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description=(
            "auto: bf16 on GPUs that have it and for wide models on CPUs that have it, else fp32."
        ),
    )
    tuning: Literal["auto", "full", "lora", "frozen"] = Field(
        "auto",
        description=(
            "Which weights are trained: all, low-rank adapters with the embeddings of genes, or the"
            " head alone. auto: lora from pretrained weights, full from random ones."
        ),
    )
    early_stopping: Annotated[int, Field(ge=0)] = Field(
        0,
        description=(
            "Hold back a fifth of the training groups, stop after this many epochs without a better"
            " loss on them; 0: train on all."
        ),
    )
    weights: str = Field(
        "auto",
        min_length=1,
        description=(
            "Pretrained weights: a local folder, a hub id (openai-community/gpt2, or with"
            " @revision), preset for those of the model preset, corpus for those that the run"
            " learns from the key corpus, or none for a random start. auto: corpus where that key"
            " is given, else the preset's, none for tiny."
        ),
    )
    adapt: Annotated[int, Field(ge=0)] = Field(
        0,
        description=(
            "Passes over the training views of next-gene language modelling, without labels, before"
            " the classifier; 0: none."
        ),
    )
    keep_fold_weights: bool = Field(
        False,
        description=(
            "Keep the whole weights of single folds even where they exceed 1 GB. Without it such"
            " folds keep only what LoRA trained beside the pretrained weights."
        ),
    )
