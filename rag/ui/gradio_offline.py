"""Keeps gradio and its libraries from reaching other machines."""

import os
import sys

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",  # else it asks its maker's server for news
    "GRADIO_RUN_HISTORY": "False",  # else it keeps every run in the visitor's browser
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # After every event gradio sums up all events for a monitoring page that is off here; so that it never does.
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000",
}


def keep_gradio_offline() -> None:
    """Sets the variables that gradio reads, unless the user has set them. Call it before a page is built. Idempotent."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    hub = sys.modules.get("huggingface_hub.constants")
    if hub is not None:  # it has read its variables already
        hub.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
        hub.HF_HUB_DISABLE_TELEMETRY = True  # type: ignore[attr-defined]
