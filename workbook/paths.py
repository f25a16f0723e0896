"""The folders of the checkout that the workbook works in."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
MY = ROOT / "my"
GUIDES = ROOT / "docs" / "instructor"
