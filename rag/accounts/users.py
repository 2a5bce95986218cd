"""Who asks, what they may do, and the file that says so: names, roles and hashes, never a password or a token."""

import hashlib
import hmac
import json
import secrets
import threading
import unicodedata
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rag.errors import UsersError
from rag.storage.files import replace_file

Role = Literal["reader", "curator"]
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 1024  # characters
LONGEST_NAME = 64
TOKEN = "rag_"  # noqa: S105 - what tokens begin with, so that scanners for leaked secrets know one


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


@dataclass(frozen=True)
class Account:
    """A user as kept in the file: the password as an Argon2 hash, tokens as {label: SHA-256 in hex}."""

    role: Role
    password: str
    tokens: dict[str, str] = field(default_factory=dict)


class Accounts:
    """The file of users, read again whenever it has changed. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._accounts: dict[str, Account] = {}
        self._hasher = PasswordHasher()
        self._nobody = ""

    def all(self) -> dict[str, Account]:
        """By name; empty where there is no file. Raises UsersError for a file that is none of ours."""
        with self._lock:
            try:
                state = self.path.stat()
            except FileNotFoundError:
                self._seen, self._accounts = None, {}
                return {}
            except OSError as error:
                raise UsersError(f"{self.path} cannot be read ({error.strerror}); mend its permissions") from error
            if self._seen != (state.st_mtime_ns, state.st_ino):
                self._accounts = _read(self.path)
                self._seen = (state.st_mtime_ns, state.st_ino)
            return self._accounts

    def user(self, name: str) -> User | None:
        account = self.all().get(name)
        return User(name, account.role) if account else None

    def check_password(self, name: str, password: str) -> User | None:
        """The user, if the password is theirs. An unknown name takes as long as a wrong password."""
        account = self.all().get(_normal(name))
        with self._hashing:  # one at a time: each check takes 64 MB
            self._nobody = self._nobody or self._hasher.hash(secrets.token_hex())
            try:
                self._hasher.verify(account.password if account else self._nobody, password[: LONGEST_PASSWORD + 1])
            except (VerificationError, InvalidHashError):
                return None
        return User(_normal(name), account.role) if account else None

    def check_token(self, token: str) -> User | None:
        asked, found = _token_digest(token), None
        for name, account in self.all().items():
            for digest in account.tokens.values():
                if hmac.compare_digest(digest, asked):
                    found = User(name, account.role)
        return found

    def add(self, name: str, role: str, password: str) -> None:
        """Makes a user, or gives one another role and password; tokens stay. Raises UsersError."""
        name = _normal(name)
        if not name or len(name) > LONGEST_NAME or not name.isprintable() or any(sign.isspace() for sign in name):
            raise UsersError(f"{name!r} is no name for a user; use 1 to {LONGEST_NAME} letters, digits and signs, without spaces")
        if role not in get_args(Role):
            raise UsersError(f"{role!r} is no role; there are {' and '.join(get_args(Role))}")
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise UsersError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another")
        accounts = self.all()
        tokens = accounts[name].tokens if name in accounts else {}
        self._save(accounts | {name: Account(_role(role), self._hasher.hash(password), tokens)})

    def remove(self, name: str) -> None:
        """Takes the user out, with all tokens; a running server turns them away at once. Raises UsersError."""
        name = self._known(name)
        self._save({known: account for known, account in self.all().items() if known != name})

    def make_token(self, name: str, label: str) -> str:
        """A token for programs, which is shown this once; one of the same label is replaced. Raises UsersError."""
        name, token = self._known(name), TOKEN + secrets.token_urlsafe(32)
        account = self.all()[name]
        self._save(self.all() | {name: replace(account, tokens=account.tokens | {label: _token_digest(token)})})
        return token

    def revoke_token(self, name: str, label: str) -> None:
        name = self._known(name)
        account = self.all()[name]
        if label not in account.tokens:
            raise UsersError(f"{name} has no token {label!r}; `rag users list` shows them")
        left = {known: digest for known, digest in account.tokens.items() if known != label}
        self._save(self.all() | {name: replace(account, tokens=left)})

    def _known(self, name: str) -> str:
        if _normal(name) not in self.all():
            raise UsersError(f"there is no user {name!r} in {self.path}; `rag users list` shows them")
        return _normal(name)

    def _save(self, accounts: dict[str, Account]) -> None:
        values = {name: asdict(account) for name, account in sorted(accounts.items())}
        replace_file(self.path, json.dumps({"users": values}, indent=2, ensure_ascii=False).encode(), mode=0o600)


def _read(path: Path) -> dict[str, Account]:
    try:
        users = json.loads(path.read_text(encoding="utf-8"))["users"]
        return {name: _account(values) for name, values in users.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsersError(f"{path} is no file of users ({error}); mend it, or remove it and run `rag users add`") from error


def _account(values: dict[str, Any]) -> Account:
    tokens = {str(label): str(digest) for label, digest in values["tokens"].items()}
    return Account(_role(values["role"]), str(values["password"]), tokens)


def _role(name: str) -> Role:
    for role in get_args(Role):
        if name == role:
            return role  # type: ignore[no-any-return]
    raise ValueError(f"{name!r} is no role")


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


def _token_digest(token: str) -> str:
    """Plain SHA-256 is enough for 256 random bits; passwords need Argon2 because people choose them."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
