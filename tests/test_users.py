"""Users: who may sign in, what the file holds, concurrent changes, and the commands."""

import json
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
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


def spawned_processes(workers: int) -> Executor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    accounts = Accounts(tmp_path / "users.json")
    accounts.add("rita", "reader", PASSWORD)
    return accounts


def test_only_the_right_password_is_accepted(accounts: Accounts) -> None:
    assert accounts.check_password("rita", PASSWORD) == User("rita", "reader")
    for name, password in (("rita", PASSWORD + "x"), ("rita", ""), ("rita", PASSWORD.upper()), ("nobody", PASSWORD), ("", "")):
        assert accounts.check_password(name, password) is None


def test_the_file_is_private_and_contains_no_secret(accounts: Accounts) -> None:
    token = accounts.make_token("rita", "script")
    content = accounts.path.read_text()
    assert PASSWORD not in content and token not in content and token.removeprefix("rag_") not in content
    assert extract_parameters(json.loads(content)["users"]["rita"]["password"]).type == Type.ID
    if sys.platform != "win32":
        assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600


def test_an_argon2_hash_from_another_program_is_accepted(accounts: Accounts) -> None:
    values = json.loads(accounts.path.read_text())
    values["users"]["rita"]["password"] = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("quite another one")
    accounts.path.unlink()
    accounts.path.write_text(json.dumps(values))
    assert accounts.check_password("rita", "quite another one")
    assert not accounts.check_password("rita", PASSWORD)


def test_an_unknown_name_costs_as_much_as_a_known_one(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, made: str, given: str) -> bool:
        checked.append(made)
        return verify(self, made, given)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    assert accounts.check_password("nobody", PASSWORD) is None
    assert accounts.check_password("rita", "wrong password") is None
    parameters = [extract_parameters(made) for made in checked]
    assert len(parameters) == 2 and parameters[0] == parameters[1]


def test_tokens_are_valid_until_revoked(accounts: Accounts) -> None:
    token, other = accounts.make_token("rita", "script"), accounts.make_token("rita", "other")
    assert accounts.check_token(token) == accounts.check_token(other) == User("rita", "reader")
    accounts.revoke_token("rita", "script")
    assert accounts.check_token(token) is None
    assert accounts.check_token(other) == User("rita", "reader")
    assert accounts.check_token("") is None and accounts.check_token("rag_\ud800") is None
    with pytest.raises(UsersError, match="no token 'script'"):
        accounts.revoke_token("rita", "script")


def test_a_new_password_keeps_the_tokens_and_removal_deletes_them(accounts: Accounts) -> None:
    token = accounts.make_token("rita", "script")
    accounts.add("rita", "curator", "another password")
    assert accounts.check_token(token) == User("rita", "curator")
    accounts.remove("rita")
    assert accounts.check_token(token) is None and accounts.all() == {}


def test_a_change_is_seen_by_objects_created_before(accounts: Accounts) -> None:
    other = Accounts(accounts.path)
    assert list(other.all()) == ["rita"]
    accounts.add("carl", "curator", PASSWORD)
    assert list(other.all()) == ["carl", "rita"]


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "x" * 65, "a\u202eb"])
def test_misleading_names_are_refused(name: str, accounts: Accounts) -> None:
    with pytest.raises(UsersError, match="not a valid user name"):
        accounts.add(name, "reader", PASSWORD)


def test_composed_and_decomposed_forms_are_the_same_name(accounts: Accounts) -> None:
    accounts.add("Zoe\u0308", "reader", PASSWORD)
    assert accounts.check_password("Zo\u00eb", PASSWORD) == User("Zo\u00eb", "reader")


@pytest.mark.parametrize(("role", "password"), [("admin", PASSWORD), ("reader", "short"), ("reader", "x" * 1025)])
def test_invalid_roles_and_passwords_are_refused(role: str, password: str, accounts: Accounts) -> None:
    with pytest.raises(UsersError):
        accounts.add("x", role, password)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"users": {"x": {"role": "king", "password": "", "tokens": {}}}}', '{"users": []}']
)
def test_nobody_gets_in_with_a_malformed_file(content: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(UsersError, match="not a readable file of users"):
        Accounts(path).check_password("x", PASSWORD)


def make_tokens(path: Path, labels: list[str]) -> None:
    accounts = Accounts(path)
    for label in labels:
        accounts.make_token("rita", label)


@pytest.mark.parametrize("pool_of", [ThreadPoolExecutor, pytest.param(spawned_processes, marks=pytest.mark.slow)])
def test_tokens_made_at_the_same_time_are_all_kept(pool_of: Callable[[int], Executor], accounts: Accounts) -> None:
    batches = [[f"{batch}-{number}" for number in range(20)] for batch in range(4)]
    with pool_of(4) as pool:
        list(pool.map(partial(make_tokens, accounts.path), batches))
    assert len(accounts.all()["rita"].tokens) == 80


def test_changes_to_different_users_at_the_same_time_are_all_kept(accounts: Accounts) -> None:
    accounts.add("carl", "curator", PASSWORD)
    token = accounts.make_token("carl", "old")
    acts: list[Callable[[], object]] = [
        lambda: accounts.add("zoe", "reader", PASSWORD),
        lambda: accounts.revoke_token("carl", "old"),
        lambda: accounts.remove("rita"),
        lambda: accounts.make_token("carl", "new"),
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda act: act(), acts))
    assert {name: sorted(account.tokens) for name, account in accounts.all().items()} == {"carl": ["new"], "zoe": []}
    assert accounts.check_token(token) is None


def test_a_file_of_the_first_format_is_read_and_rewritten_with_a_version(accounts: Accounts) -> None:
    values = json.loads(accounts.path.read_text())
    assert values.pop("version") == 1
    accounts.path.unlink()
    accounts.path.write_text(json.dumps(values))
    assert accounts.check_password("rita", PASSWORD) == User("rita", "reader")
    accounts.make_token("rita", "script")
    assert json.loads(accounts.path.read_text())["version"] == 1
    assert accounts.check_password("rita", PASSWORD)


def test_a_file_of_a_later_release_is_refused_and_not_overwritten(accounts: Accounts) -> None:
    content = accounts.path.read_text().replace('"version": 1', '"version": 2')
    accounts.path.unlink()
    accounts.path.write_text(content)
    with pytest.raises(UsersError, match="install a later release"):
        accounts.make_token("rita", "script")
    assert accounts.path.read_text() == content


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com"])
def test_other_machines_are_served_only_if_there_are_users(host: str, accounts: Accounts) -> None:
    require_users(ServerSettings(host=host, users=accounts.path))
    accounts.remove("rita")
    with pytest.raises(SettingsError, match="no users"):
        require_users(ServerSettings(host=host, users=accounts.path))


def test_commands_add_list_and_remove_users_and_tokens(tmp_path: Path) -> None:
    def rag(*words: str, typed: str = "") -> str:
        ran = CliRunner().invoke(app, ["users", *words], input=typed, catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        return ran.output

    assert "No users" in rag("list")
    assert "User carl added as curator" in rag("add", "carl", "--role", "curator", typed=f"{PASSWORD}\n")
    token = rag("token", "carl", "--label", "nightly").strip()
    accounts = Accounts(tmp_path / "users.json")
    assert accounts.check_password("carl", PASSWORD) == accounts.check_token(token) == User("carl", "curator")
    assert json.loads(rag("list", "--json")) == {"users": [{"name": "carl", "role": "curator", "tokens": ["nightly"]}]}
    rag("token", "carl", "--label", "nightly", "--revoke")
    assert accounts.check_token(token) is None
    rag("remove", "carl")
    assert "No users" in rag("list")
    with pytest.raises(UsersError, match="no user 'carl'"):
        rag("remove", "carl")


def test_looking_up_a_user_does_not_wait_for_a_password_check(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
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
