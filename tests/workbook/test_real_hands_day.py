"""The day of real hands says the same of the hands that ship and of real ones, wherever its outputs are compared."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from workbook import notebooks
from workbook.paths import NOTEBOOKS

NOTEBOOK = NOTEBOOKS / "solutions" / "day10_does_it_hold_on_real_hands.ipynb"
SOME_SESSIONS = "pluribus/10*.phhs"


@pytest.mark.timeout(900)
def test_day_10_holds_on_real_hands(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if "POKER_HANDS" not in os.environ:
        pytest.skip("POKER_HANDS does not name a folder with real hands")
    hands = Path(os.environ["POKER_HANDS"])
    if not request.config.getoption("--long"):
        some = tmp_path / "hands" / "pluribus"
        some.mkdir(parents=True)
        for session in hands.glob(SOME_SESSIONS):
            shutil.copy(session, some)
        hands = some.parent
    stored = notebooks.read(NOTEBOOK)
    fresh = notebooks.without_outputs(stored)
    notebooks.execute(fresh, NOTEBOOK.parent, hands=hands, seconds=600)
    assert notebooks.same_but_for_pictures(fresh, stored)
