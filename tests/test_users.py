"""The file of users: who may come in, what it holds of them, and the commands that change it."""

import json
import stat
import sys
import threading
from pathlib import Path

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from typer.testing import CliRunner

from rag.accounts.users import Accounts, User
from rag.cli.main import app
from rag.config import ServerSettings
from rag.errors import SettingsError, UsersError
from rag.server.launch import require_users

PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    accounts = Accounts(tmp_path / "users.json")
    accounts.add("rita", "reader", PASSWORD)
    return accounts


def test_the_right_password_and_no_other(accounts: Accounts) -> None:
    assert accounts.check_password("rita", PASSWORD) == User("rita", "reader")
    for name, password in (("rita", PASSWORD + "x"), ("rita", ""), ("rita", PASSWORD.upper()), ("nobody", PASSWORD), ("", "")):
        assert accounts.check_password(name, password) is None


def test_the_file_is_private_and_holds_no_secret(accounts: Accounts) -> None:
    token = accounts.make_token("rita", "script")
    content = accounts.path.read_text()
    assert PASSWORD not in content and token not in content and token.removeprefix("rag_") not in content
    assert extract_parameters(json.loads(content)["users"]["rita"]["password"]).type == Type.ID
    if sys.platform != "win32":
        assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600


def test_a_hash_of_another_program_is_understood(accounts: Accounts) -> None:
    values = json.loads(accounts.path.read_text())
    values["users"]["rita"]["password"] = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("quite another one")
    accounts.path.unlink()
    accounts.path.write_text(json.dumps(values))
    assert accounts.check_password("rita", "quite another one")
    assert not accounts.check_password("rita", PASSWORD)


def test_an_unknown_name_is_checked_like_a_known_one(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, made: str, given: str) -> bool:
        checked.append(made)
        return verify(self, made, given)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    assert accounts.check_password("nobody", PASSWORD) is None
    assert accounts.check_password("rita", "wrong password") is None
    parameters = [extract_parameters(made) for made in checked]
    assert len(parameters) == 2 and parameters[0] == parameters[1]  # as much work


def test_tokens_let_in_until_they_are_revoked(accounts: Accounts) -> None:
    token, other = accounts.make_token("rita", "script"), accounts.make_token("rita", "other")
    assert accounts.check_token(token) == accounts.check_token(other) == User("rita", "reader")
    accounts.revoke_token("rita", "script")
    assert accounts.check_token(token) is None
    assert accounts.check_token(other) == User("rita", "reader")
    assert accounts.check_token("") is None and accounts.check_token("rag_\ud800") is None
    with pytest.raises(UsersError, match="no token 'script'"):
        accounts.revoke_token("rita", "script")


def test_a_new_password_leaves_the_tokens_and_removal_takes_them(accounts: Accounts) -> None:
    token = accounts.make_token("rita", "script")
    accounts.add("rita", "curator", "another password")
    assert accounts.check_token(token) == User("rita", "curator")
    accounts.remove("rita")
    assert accounts.check_token(token) is None and accounts.all() == {}


def test_a_change_is_seen_by_who_opened_the_file_before(accounts: Accounts) -> None:
    other = Accounts(accounts.path)
    assert list(other.all()) == ["rita"]
    accounts.add("carl", "curator", PASSWORD)
    assert list(other.all()) == ["carl", "rita"]


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "x" * 65, "a\u202eb"])
def test_names_that_could_mislead(name: str, accounts: Accounts) -> None:
    with pytest.raises(UsersError, match="no name for a user"):
        accounts.add(name, "reader", PASSWORD)


def test_composed_and_decomposed_names_are_one(accounts: Accounts) -> None:
    accounts.add("Zoe\u0308", "reader", PASSWORD)
    assert accounts.check_password("Zo\u00eb", PASSWORD) == User("Zo\u00eb", "reader")


@pytest.mark.parametrize(("role", "password"), [("admin", PASSWORD), ("reader", "short"), ("reader", "x" * 1025)])
def test_roles_and_passwords_that_cannot_be(role: str, password: str, accounts: Accounts) -> None:
    with pytest.raises(UsersError):
        accounts.add("x", role, password)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"users": {"x": {"role": "king", "password": "", "tokens": {}}}}', '{"users": []}']
)
def test_a_broken_file_lets_nobody_in(content: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(UsersError, match="no file of users"):
        Accounts(path).check_password("x", PASSWORD)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com"])
def test_others_are_served_only_where_there_are_users(host: str, accounts: Accounts) -> None:
    require_users(ServerSettings(host=host, users=accounts.path))
    accounts.remove("rita")
    with pytest.raises(SettingsError, match="no users"):
        require_users(ServerSettings(host=host, users=accounts.path))


def test_the_commands(tmp_path: Path) -> None:
    def rag(*words: str, typed: str = "") -> str:
        ran = CliRunner().invoke(app, ["users", *words], input=typed, catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        return ran.output

    assert "nobody" in rag("list")
    assert "may come in as curator" in rag("add", "carl", "--role", "curator", typed=f"{PASSWORD}\n")
    token = rag("token", "carl", "--label", "nightly").strip()
    accounts = Accounts(tmp_path / "users.json")
    assert accounts.check_password("carl", PASSWORD) == accounts.check_token(token) == User("carl", "curator")
    assert json.loads(rag("list", "--json")) == {"users": [{"name": "carl", "role": "curator", "tokens": ["nightly"]}]}
    rag("token", "carl", "--label", "nightly", "--revoke")
    assert accounts.check_token(token) is None
    rag("remove", "carl")
    assert "nobody" in rag("list")
    with pytest.raises(UsersError, match="no user 'carl'"):
        rag("remove", "carl")


def test_who_is_signed_in_does_not_wait_for_a_password_to_be_checked(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check takes tens of milliseconds; the event loop looks users up at every request."""
    checking, go = threading.Event(), threading.Event()

    def waiting(*_: object) -> bool:
        checking.set()
        return go.wait(30)

    monkeypatch.setattr(PasswordHasher, "verify", waiting)
    thread = threading.Thread(target=accounts.check_password, args=("rita", PASSWORD))
    thread.start()
    checking.wait(30)
    assert accounts.user("rita") == User("rita", "reader")  # would hang here
    go.set()
    thread.join(30)
