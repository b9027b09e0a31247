"""Spare scikit-learn the checks of thousands of small fits."""

from contextlib import AbstractContextManager

import sklearn


def unchecked() -> AbstractContextManager[None]:
    """Return a context in which scikit-learn takes values as finite and parameters as valid.

    Values were checked when they were read, and parameters are written here: with a dozen samples
    their checks take longer than the fits. Results are the same to the last digit.
    """
    context: AbstractContextManager[None] = sklearn.config_context(
        assume_finite=True, skip_parameter_validation=True
    )
    return context
