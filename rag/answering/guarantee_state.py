"""Whether the guarantee about strong answers holds for the live build."""

from dataclasses import dataclass

from rag.answering.confidence import stored_calibration
from rag.config import Settings
from rag.index.builds import CURRENT, live_build
from rag.index.doctor import Check, check_by
from rag.index.manifest import load_manifest

OTHER_MODEL = "the guarantee was measured with another model or reader; run `rag calibrate SET --at-most …` again"


@dataclass(frozen=True, slots=True)
class GuaranteeState:
    """The line about strong answers, and why it does not hold now, with what to do; empty if it holds."""

    line: str
    trouble: str


def guarantee_state(settings: Settings) -> GuaranteeState | None:
    """The guarantee of the live build; None if none was asked for. Loads no model. Raises IndexMissing or IndexBroken."""
    calibration = stored_calibration(settings.index)
    if calibration is None or calibration.guarantee is None:
        return None
    manifest = load_manifest(live_build(settings.index))
    guarantee, made_with = calibration.guarantee, calibration.made_with
    # Each network has a name of its own, but the setting calls both "trained"; the model's digest tells them apart.
    reader = "similarity" if made_with.get("reader", "").startswith("similarity-") else "trained"
    if reader == settings.answering.reader and made_with.get("model") == manifest.contents.model.digest:
        return GuaranteeState(guarantee.line, guarantee.trouble(settings, manifest.hash))
    return GuaranteeState(guarantee.line, OTHER_MODEL)


def calibration_checks(settings: Settings) -> list[Check]:
    """What `rag doctor` says about the calibration and its guarantee."""
    readable = check_by("calibration", lambda: stored_calibration(settings.index))
    if readable.faults or not (settings.index / CURRENT).exists():
        return [readable]
    guarantee = check_by("guarantee", lambda: guarantee_state(settings))
    if not guarantee.faults and (state := guarantee_state(settings)):
        guarantee.note = "" if state.trouble else state.line
        if state.trouble:
            what, _, fix = state.trouble.partition("; ")
            guarantee.faults.append((what, fix))
    return [readable, guarantee]
