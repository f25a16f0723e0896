"""What a copy may take, and how its answers stand."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbook.grading.submissions import Copy


@dataclass(frozen=True)
class Limits:
    """What one copy may take.

    Args:
        seconds: for one cell.
        check: the seconds for the checks of one exercise; in the notebook, where somebody waits for them, it is less.
        memory: bytes of memory, with all processes that it starts.
        disk: bytes in its folder, and as many in its database.
    """

    seconds: float = 60.0
    check: float = 60.0
    memory: int = 1_000_000_000
    disk: int = 200_000_000

    @property
    def whole(self) -> float:
        """The seconds for the copy as a whole."""
        return 15 * self.seconds


@dataclass(frozen=True)
class Grade:
    """How one answer stands.

    Args:
        state: `"done"`, `"not yet"`, `"to do"`, `"missing"`, `"unreadable"`, `"timed out"`, `"crashed"` or
            `"over limit"`.
        detail: the first failing case and what is wrong, or what happened; empty where all is well.
    """

    state: str
    detail: str = ""


@dataclass
class Graded:
    """How a copy stands.

    Args:
        copy: which one.
        grades: one for each exercise, by its number.
        notes: what else was noticed.
        failed: which cells failed, and how.
    """

    copy: Copy
    grades: dict[str, Grade]
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
