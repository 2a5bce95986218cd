"""Shared by all numeric code: the type of a matrix of vectors, and the logistic function."""

import math

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (n, dim), or (dim,) for a single vector."""

LARGEST_LOGIT = 30.0  # 1 - logistic(30) is 1e-13, so clamping changes nothing; it keeps exp from overflowing


def logistic(logit: float) -> float:
    """The probability, 0 to 1, whose log odds are `logit`."""
    return 1 / (1 + math.exp(-max(-LARGEST_LOGIT, min(LARGEST_LOGIT, logit))))
