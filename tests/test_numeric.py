import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.numeric import logistic


@given(st.floats(-20, 20))
def test_logistic_inverts_the_log_odds(logit: float) -> None:
    probability = logistic(logit)
    assert math.log(probability / (1 - probability)) == pytest.approx(logit, abs=1e-6)


def test_logistic_does_not_overflow() -> None:
    assert logistic(-1e9) == pytest.approx(0, abs=1e-12)
    assert logistic(1e9) == pytest.approx(1, abs=1e-12)
