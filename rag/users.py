"""Who asks, and what they may do."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["reader", "curator"]


@dataclass(frozen=True)
class User:
    """A reader asks; a curator also changes documents, rebuilds and evaluates."""

    name: str
    role: Role

    @property
    def may_curate(self) -> bool:
        return self.role == "curator"


LOCAL = User("", "curator")
"""Whoever sits at this machine, where there is no login."""
