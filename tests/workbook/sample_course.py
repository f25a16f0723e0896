"""A course of one day in a folder of its own."""

from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path(__file__).parent / "sample"


@dataclass
class Course:
    """Where the parts of the course lie.

    Args:
        folder: holds `notebooks/`, as a checkout does.
    """

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "notebooks" / "src"

    @property
    def target(self) -> Path:
        return self.folder / "notebooks"

    @property
    def day(self) -> Path:
        return self.source / "day99_a_sample.py"

    def files(self) -> list[Path]:
        return [self.target / "day99_a_sample.ipynb", self.target / "solutions" / "day99_a_sample.ipynb"]
