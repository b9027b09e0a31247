"""t-SNE of few observations, for series whose expression file brings none."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def embed(components: Floats) -> Floats:
    """Return a t-SNE, observations × 2, of principal components, observations × components.

    The perplexity is 30, or a quarter of the observations where they are fewer. It starts from the
    first two principal components, so that no random draw decides the picture.
    """
    # Few reports draw one, and scikit-learn takes longer to import than an index to write.
    from sklearn.manifold import TSNE

    spread = components[:, :2].std(axis=0)
    start = components[:, :2] / np.where(spread > 0, spread, 1) * 1e-4
    model = TSNE(
        perplexity=min(30.0, max(2.0, len(components) / 4)),
        init=start.astype(np.float32),
        method="exact",
        max_iter=500,
        random_state=0,
    )
    return np.asarray(model.fit_transform(components), dtype=np.float64)
