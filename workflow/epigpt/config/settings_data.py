"""The keys of what a run reads: data sets, GEO, kinds of values, limits of quality, the corpus."""

from typing import Annotated, Literal

from pydantic import Field

from epigpt.config.settings_section import Positive, Section

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


class Geo(Section):
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


class Quality(Section):
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


class Pretraining(Section):
    """How a model learns from the corpus before it sees a data set."""

    weights: str = Field(
        "auto",
        min_length=1,
        description=(
            "What it begins with: a local folder, a hub id or preset, as the key weights, or none"
            " for random weights. auto: the preset's, none for tiny."
        ),
    )
    epochs: Positive = Field(20, description="Passes over the views of the corpus at most.")
    patience: Positive = Field(
        2, description="Stop after this many passes without a better loss on the series held out."
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


class DataSettings(Section):
    """Which data a run reads, and which of them it accepts."""

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
