"""JSON files that state the version of their format, so that a later release can still read them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from rag.errors import RagError
from rag.storage.files import from_json

Record = TypeVar("Record")
Migration = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class VersionedFormat(Generic[Record]):
    """How records of one type are stored: a JSON object of their fields and a "version".

    `record` is a pydantic model or a dataclass whose fields have JSON types; `kind` names such a file in messages, as in
    "conversation". `migrations[n]` turns the fields of version n into those of n + 1. Files without a version are version 0.
    """

    kind: str
    record: type[Record]
    version: int
    error: type[RagError]
    migrations: Mapping[int, Migration] = field(default_factory=dict)

    @cached_property
    def _adapter(self) -> TypeAdapter[Record]:
        return TypeAdapter(self.record)

    def dump(self, record: Record) -> bytes:
        """Readable JSON that `load` accepts; equal records give equal bytes."""
        fields = self._adapter.dump_python(record, mode="json")
        text = json.dumps({"version": self.version} | fields, ensure_ascii=False, indent=1, allow_nan=False)
        return f"{text}\n".encode("utf-8", "surrogatepass")

    def load(self, data: bytes, path: Path, *, set_aside: bool = False) -> Record:
        """The record in `data`, the content of `path`, migrated to the current version in memory.

        Raises `error` if the file is malformed or of a later version. With `set_aside`, a malformed file is renamed to
        NAME.damaged-1, -2, …, so that a new file can take its place.
        """
        try:
            fields = from_json(data)
            if not isinstance(fields, dict):
                raise TypeError("not a JSON object")
            version = fields.pop("version", 0)
            if type(version) is not int or version < 0:
                raise TypeError(f"version {version!r} is not a number")
            if version <= self.version:
                for older in range(version, self.version):
                    fields = self.migrations[older](fields)
                return self._adapter.validate_python(fields)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # from_json, migrations, pydantic
            todo = f"renamed to {_set_aside(path).name}" if set_aside else "restore it from a backup, or remove it"
            raise self.error(f"{path} is not a readable {self.kind} ({_reason(error)}); {todo}") from error
        raise self.error(
            f"{path} is a {self.kind} in format {version}, this release reads formats up to {self.version}; "
            "install a later release"
        )


def _set_aside(path: Path) -> Path:
    free = next(name for n in count(1) if not (name := path.with_name(f"{path.name}.damaged-{n}")).exists())
    return path.rename(free)


def _reason(error: Exception) -> str:
    """What is wrong, on one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
