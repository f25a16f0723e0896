"""A lesson shows the code and the SQL that are really there."""

import pytest

from eventstore import InMemoryEventStore
from workbook.day import show, show_sql
from workbook.paths import ROOT


def test_a_method_is_shown_without_its_indent(capsys: pytest.CaptureFixture[str]) -> None:
    show(InMemoryEventStore.exists)
    assert capsys.readouterr().out.startswith("def exists(self, aggregate_id: str) -> bool:\n    ")


def test_what_is_not_for_everybody_is_shown_by_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    show("eventstore.appending.Appending._why_not")
    assert capsys.readouterr().out.startswith("def _why_not(")
    show("eventstore.appending.APPEND_ONE")
    shown = capsys.readouterr().out
    assert shown.startswith('APPEND_ONE = """\nINSERT INTO')
    assert shown.endswith('"""\n')
    for nowhere in ("eventstore.appending.NOTHING", "eventstore.nowhere", "nowhere", ""):
        with pytest.raises(LookupError, match="there is no"):
            show(nowhere)


@pytest.mark.parametrize("name", ["010_domain_events", "010_domain_events.sql", 10, "10"])
def test_an_sql_file_is_shown_as_it_is(name: str | int, capsys: pytest.CaptureFixture[str]) -> None:
    show_sql(name)
    file = ROOT / "sql" / "010_domain_events.sql"
    assert capsys.readouterr().out == file.read_text(encoding="utf-8").rstrip() + "\n"


def test_a_file_that_does_not_exist_is_refused_with_a_list() -> None:
    with pytest.raises(LookupError, match=r"no '999'.*010_domain_events"):
        show_sql(999)
