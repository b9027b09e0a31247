"""The keys that say how a model is judged and explained."""

from typing import Annotated, Literal

from pydantic import Field

from epigpt import model_names
from epigpt.config.settings_section import Positive, Section

Baseline = Literal[model_names.BASELINES]  # type: ignore[valid-type]
Comparison = Literal[model_names.VARIANTS]  # type: ignore[valid-type]
Pair = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]* -> [A-Za-z][A-Za-z0-9_-]*$")]


class EvaluationSettings(Section):
    """Folds, permutations, what GPT-2 is compared with, and what is said of genes."""

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
            " 20 are run where five of these do as well as the true labels, and none where the"
            " answer does not depend on them (a characteristic tells the classes apart, or the"
            " groups are too few to show anything); for all other models, and where none are run,"
            " 999 that leave the held-out predictions as they are, which costs nothing and does"
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
