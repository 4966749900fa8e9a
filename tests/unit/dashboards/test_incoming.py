"""What comes in as JSON is of the kind that the document says, never of one that could be made into it."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest
from pydantic import BaseModel, Field, ValidationError

import dashboards.routes
import dashboards.schemas
from dashboards.schemas import Incoming, Reply


class Said(Incoming):
    yes: bool = False
    number: int = 0
    amount: float = 0.0
    perhaps: int | None = None
    several: list[int] = Field(default=[])


@pytest.mark.parametrize(
    "given", [{"yes": True}, {"number": 3}, {"amount": 3}, {"amount": 0.5}, {"perhaps": None}, {"several": [1, 2]}, {}]
)
def test_what_is_of_its_kind_is_taken(given: dict[str, object]) -> None:
    assert Said.model_validate(given).model_dump() == Said().model_dump() | given


@pytest.mark.parametrize(
    "given",
    [
        {"yes": 0},
        {"yes": "true"},
        {"number": "3"},
        {"number": True},
        {"amount": "0.5"},
        {"amount": False},
        {"perhaps": "3"},
        {"several": [1, "2"]},
        {"several": [True]},
    ],
)
def test_what_could_be_made_into_it_is_not(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Said.model_validate(given)


def test_every_model_of_the_api_either_goes_out_or_comes_in() -> None:
    modules = [
        import_module(f"{room.__name__}.{module.name}")
        for room in (dashboards.schemas, dashboards.routes)
        for module in pkgutil.iter_modules(room.__path__)
    ]
    models = {
        model
        for module in modules
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
    }
    assert len(models) > 100
    assert [model for model in models if not issubclass(model, Reply | Incoming)] == []
