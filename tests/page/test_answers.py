"""The canned answers that stand for the API have its shapes: a view that is drawn from them is drawn from real ones."""

from typing import Any

import pytest
from pydantic import BaseModel

from clients import shapes
from local.browser import answers

SHAPES: dict[str, type[BaseModel]] = {
    "runs": shapes.Runs,
    "sources": shapes.Sources,
    "plan": shapes.PlanAnswer,
    "timeline": shapes.Timeline,
    "failures": shapes.Failures,
    "rejected": shapes.Rejected,
    "queues": shapes.Queues,
}


def told() -> dict[str, Any]:
    """All of them by path; those about one run only once."""
    return {**answers.many(), **answers.about(answers.large())}


@pytest.mark.parametrize("path", told())
def test_a_canned_answer_has_the_shape_of_the_real_one(path: str) -> None:
    shape = shapes.Run if path.count("/") == 1 else SHAPES[path.split("/")[-1]]
    shape.model_validate(told()[path], strict=True)
