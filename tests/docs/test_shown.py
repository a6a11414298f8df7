"""README and tutorial are right: the test runs each command and compares each output with the page."""

import re
from pathlib import Path

import pytest

from tests.docs.session import ROOT, Session
from tests.docs.shown import Step, agrees, steps_of

PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
NOT_RUN = {  # how a command begins that no test can run, and why
    "make test": "it is this test run",
    "make setup": "a test takes the packages that are there; tests/package and CI install them",
    "azd ": "needs a subscription; never run. Its settings are compared with the template",
    "func ": "Core Tools cannot be installed here; never run",
    "cp local.settings.sample.json": "for Core Tools only, beside `func`",
    ".venv/bin/python -m local.demo.api --port 8080 &": "for Core Tools only, beside `func`",
    ".venv/bin/sluice login --url https://YOUR-APP": "needs an app in Azure; tests/terminal runs it against devhost",
    ".venv/bin/sluice list --source orders": "needs an app in Azure; tests/terminal runs it against devhost",
    ".venv/bin/sluice redrive orders-20261127T020000Z": "needs an app in Azure; the tutorial runs the command before",
}


def reason(step: Step) -> str | None:
    """Return why a step is not run."""
    return next((why for start, why in NOT_RUN.items() if step.command.startswith(start)), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_of_the_page_says_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    steps = [step for step in steps_of(page) if reason(step) is None]
    assert len(steps) >= 5, "the page still shows commands"
    with Session(tmp_path) as session:
        for step in steps:
            session.take(step)


def test_only_commands_that_a_page_has_are_excused() -> None:
    typed = [step.command for page in PAGES for step in steps_of(page)]
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in typed)] == []


def test_a_block_that_nothing_runs_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```json\n{}\n```\n")
    with pytest.raises(ValueError, match=r"page\.md:2: nothing runs this block \(json\)"):
        steps_of(page)


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ("fetched 3 = enqueued 3\n", "fetched 3 = enqueued 3\n", True),
        ("fetched 3 = enqueued 3\n", "fetched 3 = enqueued 2\n", False),
        ("completed after 2.1 s\n", "completed after 1 min 3 s\n", True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nb\nc\n", False),
        ('{"id": "a", …}', '{"id": "a", "more": [1, 2]}', True),
        ("", "an error\n", False),
        ("at 2026-01-01 10:00:00, 12 MB, 3/s", "at 2027-12-31 23:59:59, 1,012 MB, 4,003/s", True),
    ],
)
def test_what_a_command_says_is_compared(shown: str, said: str, same: bool) -> None:
    assert agrees(shown, said) is same


def test_the_settings_of_the_deployment_are_those_of_the_template() -> None:
    template = (ROOT / "infra" / "main.bicepparam").read_text(encoding="utf-8")
    for page in PAGES:
        named = set(re.findall(r"DEPLOY_[A-Z_]+", page.read_text(encoding="utf-8")))
        assert [name for name in sorted(named) if f"'{name}'" not in template] == []
