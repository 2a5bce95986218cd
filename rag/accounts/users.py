"""Users: who may sign in, with which role. The file holds names, roles and hashes, never a password or a token."""

import hashlib
import hmac
import secrets
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rag.errors import UsersError
from rag.storage.locked import update_file
from rag.storage.versioned import VersionedFormat

Role = Literal["reader", "curator"]
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 1024  # characters; the longest bounds the work of a check
LONGEST_NAME = 64  # characters
TOKEN = "rag_"  # noqa: S105 - the prefix of tokens, by which scanners for leaked secrets recognise them


@dataclass(frozen=True)
class User:
    """A reader asks; a curator also changes documents, rebuilds and evaluates."""

    name: str
    role: Role

    @property
    def may_curate(self) -> bool:
        return self.role == "curator"


LOCAL = User("", "curator")
"""The user of a server without login: whoever uses this machine."""


@dataclass(frozen=True)
class Account:
    """What the file holds of a user: the password as an Argon2 hash, tokens as {label: SHA-256 in hex}."""

    role: Role
    password: str
    tokens: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UserFile:
    """Accounts by name, sorted."""

    users: dict[str, Account]


FORMAT = VersionedFormat(
    "file of users",
    UserFile,
    version=1,
    error=UsersError,
    migrations={0: dict},  # the first format had the same fields, but no version
)


class Accounts:
    """The file of users. It is reloaded whenever it has changed; changes are made under a lock.

    Safe to share between threads, and between processes that use the same file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._accounts: dict[str, Account] = {}
        self._hasher = PasswordHasher()
        self._unknown_user = ""  # the hash that is checked for unknown names, made on first use

    def all(self) -> dict[str, Account]:
        """By name; empty if there is no file. Raises UsersError if the file cannot be read."""
        with self._lock:
            try:
                state = self.path.stat()
                if self._seen != (state.st_mtime_ns, state.st_ino):
                    self._accounts = FORMAT.load(self.path.read_bytes(), self.path).users
                    self._seen = (state.st_mtime_ns, state.st_ino)
            except FileNotFoundError:
                self._seen, self._accounts = None, {}
            except OSError as error:
                raise UsersError(f"{self.path} cannot be read ({error.strerror}); check its permissions") from error
            return self._accounts

    def user(self, name: str) -> User | None:
        account = self.all().get(name)
        return User(name, account.role) if account else None

    def check_password(self, name: str, password: str) -> User | None:
        """The user, if the password is correct. An unknown name takes as long as a wrong password."""
        name = normal_name(name)
        account = self.all().get(name)
        with self._hashing:  # one at a time: each check takes 64 MB
            self._unknown_user = self._unknown_user or self._hasher.hash(secrets.token_hex())
            try:
                self._hasher.verify(account.password if account else self._unknown_user, password[: LONGEST_PASSWORD + 1])
            except (VerificationError, InvalidHashError):
                return None
        return User(name, account.role) if account else None

    def check_token(self, token: str) -> User | None:
        """The user that the token belongs to. All tokens are compared, so that the time does not depend on the match."""
        digest, user = _token_digest(token), None
        for name, account in self.all().items():
            for known in account.tokens.values():
                if hmac.compare_digest(known, digest):
                    user = User(name, account.role)
        return user

    def add(self, name: str, role: str, password: str) -> None:
        """Adds a user, or changes role and password of one; tokens stay valid. Raises UsersError."""
        name = normal_name(name)
        if not name or len(name) > LONGEST_NAME or not name.isprintable() or any(character.isspace() for character in name):
            raise UsersError(f"{name!r} is not a valid user name; use 1 to {LONGEST_NAME} characters without spaces")
        known_role = _role(role)
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise UsersError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another")
        password_hash = self._hasher.hash(password)

        def added(accounts: dict[str, Account]) -> dict[str, Account]:
            tokens = accounts[name].tokens if name in accounts else {}
            return accounts | {name: Account(known_role, password_hash, tokens)}

        self._update(added)

    def remove(self, name: str) -> None:
        """Removes a user with all tokens; a running server turns them away at once. Raises UsersError if there is none."""

        def removed(accounts: dict[str, Account]) -> dict[str, Account]:
            name_in_file, _ = self._known(accounts, name)
            return {known: account for known, account in accounts.items() if known != name_in_file}

        self._update(removed)

    def make_token(self, name: str, label: str) -> str:
        """A new token for programs, which replaces one with the same label. Only its hash is stored. Raises UsersError."""
        token = TOKEN + secrets.token_urlsafe(32)

        def with_token(accounts: dict[str, Account]) -> dict[str, Account]:
            known, account = self._known(accounts, name)
            return accounts | {known: replace(account, tokens=account.tokens | {label: _token_digest(token)})}

        self._update(with_token)
        return token

    def revoke_token(self, name: str, label: str) -> None:
        """Raises UsersError if the user has no token with this label."""

        def without_token(accounts: dict[str, Account]) -> dict[str, Account]:
            known, account = self._known(accounts, name)
            if label not in account.tokens:
                raise UsersError(f"{known} has no token {label!r}; `rag users list` shows the labels")
            tokens = {other: digest for other, digest in account.tokens.items() if other != label}
            return accounts | {known: replace(account, tokens=tokens)}

        self._update(without_token)

    def _known(self, accounts: dict[str, Account], name: str) -> tuple[str, Account]:
        known = normal_name(name)
        if known not in accounts:
            raise UsersError(f"there is no user {name!r} in {self.path}; `rag users list` shows them")
        return known, accounts[known]

    def _update(self, change: Callable[[dict[str, Account]], dict[str, Account]]) -> None:
        """Replaces the accounts by `change` of those now in the file, so that no other process's changes are lost."""

        def changed(content: bytes | None) -> bytes:
            accounts = {} if content is None else FORMAT.load(content, self.path).users
            return FORMAT.dump(UserFile(dict(sorted(change(accounts).items()))))

        update_file(self.path, changed, mode=0o600)


def _role(name: str) -> Role:
    for role in get_args(Role):
        if name == role:
            return role  # type: ignore[no-any-return]
    raise UsersError(f"{name!r} is not a role; choose {' or '.join(get_args(Role))}")


def normal_name(name: str) -> str:
    """The form in which a name is stored and compared: without white space around it, and composed (NFC)."""
    return unicodedata.normalize("NFC", name.strip())


def _token_digest(token: str) -> str:
    """Plain SHA-256 is enough for 256 random bits; passwords need Argon2 because people choose them."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
