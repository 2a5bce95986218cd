"""A calibration holds for the languages that it was measured in; in others an answer claims less, and says so."""

from dataclasses import replace

from rag.answering.confidence import Calibration
from rag.records import Answer


def within_measured(answer: Answer, calibration: Calibration) -> Answer:
    """The answer; at most "fair", and without an error rate, if its leading quote is in a language that was not measured.

    A calibration made for an index, by `rag calibrate`, was measured on its documents, whatever they are in.
    """
    measured = calibration.measured.get("languages")
    language = answer.citations[0].language if answer.citations else ""
    if not measured or not language or language in measured or answer.strength is None:
        return answer
    strength = "fair" if answer.strength == "strong" else answer.strength
    note = f"how often such answers are right was not measured for the language {language}"
    return replace(answer, strength=strength, expected_wrong=None, measured_on=note)
