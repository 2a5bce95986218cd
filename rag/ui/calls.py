"""The requests of the page's scripts: each act has a model that its request must fit and a function that answers it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.accounts.users import User
from rag.errors import RagError
from rag.translations import read_in

LONGEST_SEARCH = 200  # characters of a search box, as its maxlength says

Context = TypeVar("Context")
Model = TypeVar("Model", bound="Request")

Reply = dict[str, Any]
"""JSON for the script; {"error": message} if the request was refused."""


class Request(BaseModel):
    """What a script sends with the name of the act. It comes from a browser and may be anything: types are not converted."""

    model_config = ConfigDict(frozen=True, strict=True)


@dataclass(frozen=True)
class Act(Generic[Context, Model]):
    """`answer` gets what the acts of a part of the page share, the user and the checked request.

    `curators_only` is the refusal for users who are not curators; "" if everyone may do it.
    """

    request: type[Model]
    answer: Callable[[Context, User, Model], Reply]
    curators_only: str = ""


Acts = Mapping[str, Act[Context, Any]]


def answer_call(acts: Acts[Context], context: Context, user: User, payload: object) -> Reply:
    """The reply to `payload`, whose "do" names the act. Whatever is wrong with it becomes one plain line."""
    name = payload.get("do") if isinstance(payload, dict) else None
    act = acts.get(name) if isinstance(name, str) else None
    if act is None:
        return {"error": "Unknown request. Reload the page."}
    if act.curators_only and not user.may_curate:
        return {"error": act.curators_only}
    language = payload.get("lang") if isinstance(payload, dict) else None
    try:
        with read_in(str(language)):
            return act.answer(context, user, act.request.model_validate(payload))
    except ValidationError as error:
        return {"error": f"Invalid request: {first_problem(error)}."}
    except (RagError, OSError) as error:
        return {"error": str(error)}


def first_problem(error: ValidationError) -> str:
    """The field and what is wrong with it, without the value."""
    problem = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in problem["loc"])
    return f"{field}: {problem['msg']}" if field else problem["msg"]
