"""The canned answers have the shapes of the API, so a view that draws them draws real answers too."""

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


def canned() -> dict[str, Any]:
    """Return all answers by path; those about one run only once."""
    return {**answers.many(), **answers.about(answers.large())}


@pytest.mark.parametrize("path", canned())
def test_a_canned_answer_has_the_shape_of_the_real_one(path: str) -> None:
    shape = shapes.Run if path.count("/") == 1 else SHAPES[path.split("/")[-1]]
    shape.model_validate(canned()[path], strict=True)
