"""Typed settings: the one source of the schema, the commented config.yaml and its documentation
table.

Hardware is deliberately absent: threads, memory, partitions and GPU counts live in profiles and
hardware presets, so that moving a run to another machine changes neither its results nor what
Snakemake considers out of date.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from epigpt import model_names

ValueType = Literal[
    "estimated_counts",
    "normalised_counts",
    "normalised_integers",
    "tpm",
    "cpm",
    "fpkm",
    "log",
    "log_counts",
    "intensity",
    "unknown",
]
Baseline = Literal[model_names.BASELINES]  # type: ignore[valid-type]
Comparison = Literal[model_names.VARIANTS]  # type: ignore[valid-type]
Positive = Annotated[int, Field(ge=1)]
Pair = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]* -> [A-Za-z][A-Za-z0-9_-]*$")]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Geo(_Section):
    """Where GEO is and how to ask it."""

    base_url: str = Field(
        "https://ftp.ncbi.nlm.nih.gov/geo",
        pattern=r"^(https?|file)://.+",
        description=(
            "GEO's server or a mirror laid out like it (https, http, file). file://./name counts"
            " from the config file's folder."
        ),
    )
    ncbi_counts: bool = Field(
        True, description="Use NCBI's own RNA-seq counts (human and mouse) where they exist."
    )
    dee2: bool = Field(
        False,
        description=(
            "Use DEE2's counts where NCBI has none (rat, zebrafish and other species DEE2 knows);"
            " the report says that they are DEE2's."
        ),
    )
    dee2_url: str = Field(
        "https://dee2.io",
        pattern=r"^(https?|file)://.+",
        description=(
            "DEE2's server or a mirror laid out like it; a file:// mirror holds its bundles"
            " (huge/SPECIES/SRP_GSE.zip). file://./name counts from the config file's folder."
        ),
    )
    retries: Annotated[int, Field(ge=0, le=20)] = Field(
        5, description="How often a request is repeated after 429, 5xx, a reset or a short read."
    )
    backoff_seconds: Annotated[float, Field(ge=0)] = Field(
        1.0, description="Wait before the first repetition; doubled each time, with jitter."
    )
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        60.0, description="Longest silence of the server that is waited for."
    )
    max_unpacked_gb: Annotated[float, Field(gt=0)] = Field(
        200.0, description="Archives that unpack to more than this are refused."
    )


class Quality(_Section):
    """Which samples and cells are kept. Limits are absolute: none is fitted to the data set, so
    none can leak."""

    min_counts: Positive | Literal["auto"] = Field(
        "auto",
        description=(
            "Fewest counts of a sample or cell. auto: 100000 for bulk, 500 for single cells."
        ),
    )
    min_genes: Positive | Literal["auto"] = Field(
        "auto", description="Fewest genes detected. auto: 1000 for bulk, 200 for single cells."
    )
    max_mitochondrial_percent: Annotated[float, Field(gt=0, le=100)] | Literal["auto"] = Field(
        "auto",
        description=(
            "Largest mitochondrial share of the counts, in percent. auto: 100 for bulk, 20 for"
            " single cells."
        ),
    )


class Pretraining(_Section):
    """How a model learns from the corpus before it sees a data set."""

    epochs: Positive = Field(20, description="Passes over the views of the corpus at most.")
    patience: Positive = Field(
        2, description="Stop after so many passes without a better loss on the series held out."
    )
    held_out: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.1,
        description=(
            "Share of each species' series that is held out, whole, to stop by and to report the"
            " loss of; a species with fewer than 4 series gives none."
        ),
    )
    genes: Annotated[int, Field(ge=64, le=60000)] = Field(
        5000,
        description="Genes of a series that take part: those that vary most in it.",
    )
    views: Annotated[int, Field(ge=1, le=64)] = Field(
        8,
        description=(
            "Versions of each sample: the first shows its most deviating genes, the others those of"
            " a random fifth of all genes, after drawing a part of the counts."
        ),
    )
    global_batch_size: Positive = Field(64, description="Sequences per optimiser step.")
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = Field(
        "auto",
        description="Peak learning rate, as learning_rate. auto: the recipe in the preset's file.",
    )


class Settings(_Section):
    """Everything that decides a result, apart from the rows of the data set table."""

    datasets: str = Field(
        "config/datasets.tsv",
        min_length=1,
        description=(
            "The table of data sets. Looked up from the config file's folder, then the working"
            " directory, then the project's root."
        ),
    )
    corpus: str = Field(
        "",
        description=(
            "The table of series that a model learns from before it sees a data set, such as"
            " config/corpus.tsv; looked up as the table of data sets is. Its file's name is the"
            " corpus' name. Empty: none."
        ),
    )
    pretraining: Pretraining = Field(
        default_factory=Pretraining,
        description="How a model learns from the corpus before it sees a data set.",
    )
    geo: Geo = Field(default_factory=Geo, description="Where GEO is and how to ask it.")
    allow_values: list[ValueType] = Field(
        default=["estimated_counts"],
        description=(
            "Kinds of values accepted beside raw counts. Whatever is not counts is marked"
            " throughout the report."
        ),
    )
    transcripts: str = Field(
        "",
        description=(
            "A table of transcripts and their genes (tx2gene: two columns, any header), for"
            " matrices of transcripts whose ids do not name the gene. Looked up from the config"
            " file's folder."
        ),
    )
    quality: Quality = Field(default_factory=Quality, description="Limits for samples and cells.")

    model: str = Field(
        "auto",
        min_length=1,
        description=(
            "Model preset: tiny, gpt2, gpt2-medium, gpt2-large or gpt2-xl. auto: gpt2-xl where the"
            " hardware has GPUs (a smaller one where their memory is too small for it), tiny where"
            " it has none."
        ),
    )
    encoding: Literal["program-tokens", "gene-values", "gene-tokens", "gene-sentence"] = Field(
        "program-tokens",
        description=(
            "program-tokens: at most 64 scores that are fitted on the training samples of each fold"
            " (principal components, genes that tell the classes apart, pairs of such genes in"
            " their order, a sparse rule that subsets of the donors agree on); the model begins as"
            " a penalised linear classifier of them. gene-values: the genes that deviate most from"
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
    views: Annotated[int, Field(ge=1, le=256)] = Field(
        4,
        description=(
            "Versions of each sample: the first is the sample itself, the others draw a part of its"
            " counts (binomial thinning)."
        ),
    )
    gene_dropout: Annotated[float, Field(ge=0, le=0.9)] = Field(
        0.0,
        description=(
            "Share of the genes that every view but the first hides, drawn anew for each view; 0:"
            " none."
        ),
    )
    epochs: Positive = Field(10, description="Passes over the training views.")
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
        False, description="Keep the weights of single folds even where they exceed 1 GB."
    )

    folds: Annotated[int, Field(ge=2)] = Field(
        5,
        description=(
            "Folds at most; the effective number is limited by the groups of the smallest class."
        ),
    )
    repeats: Positive | Literal["auto"] = Field(
        "auto",
        description=(
            "How often the folds are drawn anew; scores are means over the draws, and the report"
            " says how often each verdict comes out of one draw alone. auto: 10 with model tiny, 1"
            " with larger ones."
        ),
    )
    permutations: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        "auto",
        description=(
            "Label permutations between groups, the whole pipeline run again for each, behind every"
            " p. 0: none, and the report says so. auto: with model tiny 99 for GPT-2, of which only"
            " 20 are run where five of these do as well as the true labels; for all other models"
            " 999 that leave their held-out predictions as they are, which costs nothing and does"
            " not repeat the training."
        ),
    )
    bootstrap: Annotated[int, Field(ge=100)] = Field(
        2000, description="Resamples of groups behind each interval."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        1, description="Decides views, folds, initial weights, resamples."
    )
    baselines: list[Baseline] = Field(
        default=list(model_names.BASELINES),
        description=(
            "Models that GPT-2 is compared with on the same folds. logistic_l2 is always among"
            " them. ktsp: k top scoring pairs; screened_logistic: logistic regression on genes"
            " screened in the fold; nearest_centroid: nearest shrunken centroids."
        ),
    )
    comparisons: list[Comparison] = Field(
        default=[model_names.NO_BLOCKS],
        description=(
            "Variants of GPT-2 that show where its score comes from, each trained on every fold:"
            " its random start, genes exchanged within each sample, transformer blocks left out;"
            " frozen_logistic is logistic regression on its embedding before fine-tuning."
            " finetuned_random_weights differs where weights or principal axes are the start."
        ),
    )
    ignore_confounders: list[str] = Field(
        default_factory=list,
        description=(
            "Characteristics that may follow the label without the verdict 'confounded'; the report"
            " names them."
        ),
    )
    attributions: bool = Field(
        True,
        description=(
            "Attribute the folds' models to genes on held-out samples (Shapley values,"
            " knock-out); false: left out."
        ),
    )
    knockouts: Annotated[int, Field(ge=0, le=65536)] = Field(
        100,
        description=(
            "Genes of highest attribution that are removed one at a time and the samples scored"
            " again; 0: none."
        ),
    )
    transfer: list[Pair] = Field(
        default_factory=list,
        description=(
            "Pairs of data sets, 'A -> B': trained on A, tested on B over the genes that both have"
            " as human orthologs."
        ),
    )
    gene_sets: list[str] = Field(
        default_factory=list, description="GMT files with gene sets of your own."
    )
    pathways: Literal["gene_ontology", "none"] = Field(
        "gene_ontology",
        description=(
            "Gene sets that come with EpiGPT, by orthologs for other species than human:"
            " biological processes of the Gene Ontology (CC BY 4.0)."
        ),
    )
    domain: Literal["auto", "epilepsy", "none"] = Field(
        "auto",
        description=(
            "What the report holds against published knowledge: markers, claims and the"
            " excitation/inhibition score of epilepsy where the record speaks of it (auto),"
            " always (epilepsy), or never (none)."
        ),
    )

    def value(self, key: str) -> Any:
        """Return the setting under a dotted key such as `geo.base_url`; KeyError for an unknown
        one."""
        value: Any = self
        for part in key.split("."):
            if not isinstance(value, BaseModel) or part not in type(value).model_fields:
                raise KeyError(key)
            value = getattr(value, part)
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def keys(section: type[BaseModel] = Settings, prefix: str = "") -> dict[str, Any]:
    """List every dotted key with its pydantic field, in the order of definition."""
    listed: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            listed.update(keys(field.annotation, f"{prefix}{name}."))
        else:
            listed[f"{prefix}{name}"] = field
    return listed
