"""The models of an evaluation: their ids in keys, file names and tables, and what people read.

The one list behind the settings `baselines` and `comparisons`, the rules' wildcards, the verdict's
sentences and the report. Training does not import it, or another baseline or another wording would
train GPT-2 again: `training.ablations` names its own variants, and a test holds the two together.
"""

from typing import NamedTuple


class ModelName(NamedTuple):
    """How a model is called.

    Attributes
    ----------
    title
        In tables and figures.
    phrase
        Within a sentence, with its article.
    """

    title: str
    phrase: str


FINETUNED = "finetuned"
NO_BLOCKS = "finetuned_no_blocks"
MAJORITY = "majority"
# Always among the baselines: the learning curve and the verdict's sentences speak of it.
REFERENCE = "logistic_l2"

_BASELINES = {
    MAJORITY: ModelName("majority class", "the majority class"),
    "logistic_l1": ModelName("logistic regression (L1)", "logistic regression (L1)"),
    REFERENCE: ModelName("logistic regression (L2)", "logistic regression"),
    "pca_logistic": ModelName(
        "PCA + logistic regression", "logistic regression on principal components"
    ),
    "random_forest": ModelName("random forest", "the random forest"),
    "gradient_boosting": ModelName("gradient boosting", "gradient boosting"),
    "ktsp": ModelName("k top scoring pairs", "k top scoring pairs"),
    "screened_logistic": ModelName(
        "logistic regression on screened genes", "logistic regression on screened genes"
    ),
    "nearest_centroid": ModelName("nearest shrunken centroids", "nearest shrunken centroids"),
}
_VARIANTS = {
    "finetuned_random_weights": ModelName("GPT-2 from random weights", "GPT-2 from random weights"),
    "finetuned_shuffled_genes": ModelName(
        "GPT-2, gene order shuffled", "GPT-2 with each sample's genes shuffled"
    ),
    NO_BLOCKS: ModelName(
        "GPT-2 without transformer blocks", "GPT-2 without its transformer blocks"
    ),
    "frozen_logistic": ModelName(
        "frozen GPT-2 embedding + logistic regression", "logistic regression on frozen GPT-2"
    ),
}
# In the order in which tables and figures show them.
MODELS = {
    FINETUNED: ModelName("GPT-2, fine-tuned", "GPT-2"),
    **{name: _BASELINES[name] for name in _BASELINES if name != MAJORITY},
    **_VARIANTS,
    MAJORITY: _BASELINES[MAJORITY],
}
BASELINES = tuple(_BASELINES)
VARIANTS = tuple(_VARIANTS)
