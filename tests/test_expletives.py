"""The "it" that refers to nothing, and the "it" that points back."""

import pytest

from rag.followups.cues import points_back
from rag.followups.expletives import expletives


@pytest.mark.parametrize(
    "question",
    """Is it normal to lose weight in ALS?
Is it safe to fly at 36 weeks pregnant?
Is it better to rest or to train after a repair?
Does it help to massage a numb hand?
How much does it cost to renew a passport?
What is it like to have an EMG?
How does it feel when a nerve regrows?
Would it be possible to get a refund?
Is it dangerous to run a microwave empty?
Is it a bad sign that the Tinel sign moves?
Does it make a difference which hand is injured?
When is it too late to operate on a nerve?
Can it happen that a nerve regrows into the wrong muscle?
Is it worth repairing a nerve after two years?
Does it matter whether the nerve was cut?
What is it called when a nerve is cut?
How long does it take for a muscle to waste away?
How common is it for nerves to be injured in hip surgery?
What does it mean when the red light flashes?""".splitlines(),
)
def test_expletive_it_refers_to_nothing(question: str) -> None:
    assert len(expletives(question)) == 1
    assert not points_back(question)


@pytest.mark.parametrize(
    "question",
    """Is it safe?
Is it safe to take in pregnancy?
Is it safe to eat?
Can it lead to death?
does it have to stay overnight
how long does it take to renew itself
Is it always a sign of disease?
Does it need to be removed?
does it hurt when the needle goes in?
Is it easy to clean in the dishwasher?""".splitlines(),
)
def test_it_that_stands_for_something(question: str) -> None:
    assert not expletives(question)
