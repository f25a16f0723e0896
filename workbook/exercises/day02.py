"""The exercises of Day 2: an index that is a rule, a guard without holes, connections, and a schema from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from workbook.exercise import Exercise, WrongAnswer, case
from workbook.expect import NotKept, expect
from workbook.paths import ROOT
from workbook.show import sql_file
from workbook.workspace import Workspace, purpose, schema_name, scratch

Answer = Callable[[], str]

# Hands of five events, mixed as they are at ten tables; the statement counts on from the hands that are there.
HANDS = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
SELECT
    md5(hand || ' ' || version)::uuid,
    CASE version WHEN 1 THEN 'game.created' WHEN 5 THEN 'game.hand_completed' ELSE 'game.action_processed' END,
    'hand ' || hand,
    version,
    '{}'
FROM generate_series(1, %s) AS hand, generate_series(1, 5) AS version
ORDER BY hand / 10, version, hand
"""

ONE_MORE = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
VALUES (gen_random_uuid(), %s, %s, %s, '{"amount": 900}')
"""

WHICH_ARE_OVER = """
SELECT aggregate_id FROM domain_events WHERE event_type = 'game.hand_completed' ORDER BY aggregate_id
"""

COUNT_INDEXES = "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'domain_events'"


@contextmanager
def log(hands: int) -> Iterator[Workspace]:
    """The log as the first file makes it, without guards and further indexes, and with some hands in it."""
    with scratch(install=False) as db:
        db.q(sql_file("010_domain_events").text)
        db.q(HANDS, [hands])
        yield db


def one(db: Workspace, question: str) -> Any:
    """The one value that answers a question, as Python knows it."""
    return db.q(question).iloc[0, 0].item()


@case(hint=1)
def the_text_makes_one_index(one_end: Answer) -> None:
    with log(hands=0) as db:
        before = one(db, COUNT_INDEXES)
        db.q(one_end())
        expect(one(db, COUNT_INDEXES) - before, 1, "the number of new indexes on domain_events")


@case(hint=2)
def a_hand_may_have_many_other_events(one_end: Answer) -> None:
    with log(hands=0) as db:
        db.q(one_end())
        for version in (1, 2, 3):
            _try_to_append(db, "game.action_processed", "hand 4", version)
        for version in (4, 5):
            _try_to_append(db, "game.hand_shown", "hand 4", version)


@case(hint=2)
def every_hand_may_end(one_end: Answer) -> None:
    with log(hands=0) as db:
        db.q(one_end())
        for number in (4, 5):
            _try_to_append(db, "game.hand_completed", f"hand {number}", 1)


@case(hint=3)
def a_second_end_is_refused(one_end: Answer) -> None:
    with log(hands=0) as db:
        db.q(one_end())
        _try_to_append(db, "game.hand_completed", "hand 2", 5)
        try:
            db.q(ONE_MORE, ["game.hand_completed", "hand 2", 6])
        except psycopg.errors.UniqueViolation:
            return
        except psycopg.errors.ExclusionViolation:
            return
    raise NotKept("got a second game.hand_completed of the same hand stored, expected a refusal")


@case(hint=2)
def the_question_is_answered_by_the_index_alone(one_end: Answer) -> None:
    with log(hands=2000) as db:
        db.q(one_end())
        db.q("ANALYZE domain_events")
        plan = " / ".join(line.strip() for line in db.q("EXPLAIN (COSTS OFF) " + WHICH_ARE_OVER)["QUERY PLAN"])
        if not plan.startswith(("Index Only Scan", "Index Scan")) or "Filter" in plan:
            raise NotKept(f"got the plan {plan!r}, expected an Index Only Scan alone")


def _try_to_append(db: Workspace, event_type: str, aggregate_id: str, version: int) -> None:
    try:
        db.q(ONE_MORE, [event_type, aggregate_id, version])
    except psycopg.errors.IntegrityError as error:
        what = f"event {version} of {aggregate_id}, {event_type},"
        raise NotKept(f"got {what} refused by {error.diag.constraint_name}, expected it stored") from None


# A guard that says no has raised an error of its own. These are slips in it: no RETURN, a name that does not exist.
SLIPS = ("2F", "42")


def changes(guard: Answer, *statements: str) -> None:
    """Expect each statement to be refused by the guard, and the log to be what it was."""
    whole = "SELECT md5(string_agg(e::text, ' ' ORDER BY sequence_number)) FROM domain_events AS e"
    with log(hands=3) as db:
        db.q(guard())
        before = db.q(whole).iloc[0, 0]
        for statement in statements:
            try:
                db.q(statement)
            except psycopg.Error as error:
                if not isinstance(error, psycopg.DatabaseError) or str(error.sqlstate).startswith(SLIPS):
                    raise
                continue
            same = db.q(whole).iloc[0, 0] == before
            raise NotKept(
                f"got no error and {'the same' if same else 'other'} rows from {statement}, expected an error"
            )


@case(hint=1)
def the_text_makes_a_function_and_its_trigger(guard: Answer) -> None:
    with log(hands=0) as db:
        try:
            db.q(guard())
        except psycopg.errors.FeatureNotSupported:
            return  # a later case tells more
        except psycopg.Error as error:
            said = error.diag.message_primary
            raise NotKept(f"got {said!r} from PostgreSQL for the text, expected two statements that run") from None
        triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'domain_events'::regclass AND NOT tgisinternal"
        if one(db, triggers) == 0:
            raise NotKept("got no trigger on domain_events, expected one: a function alone is never called")


@case(hint=3)
def no_row_trigger_listens_to_truncate(guard: Answer) -> None:
    with log(hands=0) as db:
        db.q(guard())


@case(hint=1)
def a_payload_cannot_be_changed(guard: Answer) -> None:
    changes(guard, "UPDATE domain_events SET event_data = '{\"amount\": 9}'")


@case(hint=1)
def no_other_column_can_be_changed_either(guard: Answer) -> None:
    changes(
        guard,
        "UPDATE domain_events SET aggregate_id = 'hand 9' WHERE aggregate_id = 'hand 1'",
        "UPDATE domain_events SET version = version + 100",
        "UPDATE domain_events SET user_id = 'nobody'",
        "UPDATE domain_events SET recorded_at = now()",
    )


@case(hint=2)
def delete_is_an_error(guard: Answer) -> None:
    changes(guard, "DELETE FROM domain_events WHERE version = 5", "DELETE FROM domain_events")


@case(hint=3)
def truncate_is_an_error(guard: Answer) -> None:
    changes(guard, "TRUNCATE domain_events")


@case(hint=3)
def insert_works_as_before(guard: Answer) -> None:
    with log(hands=3) as db:
        db.q(guard())
        db.q(ONE_MORE, ["game.created", "hand 4", 1])
        expect(one(db, "SELECT count(*) FROM domain_events"), 16, "the number of events after an INSERT")


@case(hint=3)
def the_name_of_a_schema_is_no_value(connecting: Any) -> None:
    with log(hands=0) as db:
        try:
            connecting(db.url, db.schema).connection()
        except (psycopg.errors.SyntaxError, NotImplementedError):
            raise
        except Exception:
            return  # later cases tell more


@case(hint=1)
def a_connection_comes_back(connecting: Any) -> None:
    with log(hands=0) as db:
        got = connecting(db.url, db.schema).connection()
        if not isinstance(got, psycopg.Connection):
            raise NotKept(f"got {type(got).__name__} from connection(), expected a connection")


@case(hint=2)
def it_is_open_when_it_comes(connecting: Any) -> None:
    with log(hands=0) as db:
        expect(connecting(db.url, db.schema).connection().closed, False, "connection().closed")


@case(hint=1)
def it_finds_the_tables_of_its_schema(connecting: Any) -> None:
    with log(hands=3) as db, connecting(db.url, db.schema).connection() as connection:
        found = connection.execute("SELECT count(*) FROM domain_events").fetchone()
        expect(found, (15,), "counting the events of three hands")


@case(hint=2)
def each_statement_is_kept_at_once(connecting: Any) -> None:
    with log(hands=3) as db, connecting(db.url, db.schema).connection() as connection:
        expect(connection.autocommit, True, "connection.autocommit")
        connection.execute(ONE_MORE, ["game.created", "hand 4", 1])
        count = one(db, "SELECT count(*) FROM domain_events")
        expect(count, 16, "the number of events that another connection sees after an append")


@case(hint=3)
def any_name_of_a_schema_will_do(connecting: Any) -> None:
    for name in (" Friday night", ' "x"; --'):
        # The name of the check stands in front, so that two notebooks never meet.
        db = Workspace(schema_name(purpose.get()) + name, install=False)
        try:
            db.q("CREATE TABLE seats AS SELECT 5 AS seat")
            with connecting(db.url, db.schema).connection() as connection:
                found = connection.execute("SELECT seat FROM seats ORDER BY seat").fetchall()
            expect(found, [(5,)], f"reading a table in a schema whose name ends with {name!r}")
        finally:
            db.remove()


@case(hint=2)
def each_call_opens_a_new_one(connecting: Any) -> None:
    with log(hands=3) as db:
        here = connecting(db.url, db.schema)
        with here.connection() as first:
            pass
        expect(first.closed, True, "the first connection's .closed, after its with")
        with here.connection() as second, here.connection() as third:
            expect(second is third, False, "'two calls give the same connection'")
            found = [each.execute("SELECT count(*) FROM domain_events").fetchone() for each in (second, third)]
            expect(found, [(15,), (15,)], "counting the events over both connections")


@contextmanager
def files(**texts: str) -> Iterator[Path]:
    """A folder with SQL files: `_010_seats` for the name 010_seats.sql. They are made in the order given."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in texts.items():
            write(folder, f"{file.removeprefix('_')}.sql", text)
        yield folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8", newline="\n")


def tables(db: Workspace, *names: str) -> list[str]:
    """Which of these tables exist."""
    return [
        name for name in names if db.q("SELECT to_regclass(%s) IS NOT NULL", [f'"{db.schema}"."{name}"']).iloc[0, 0]
    ]


@case(hint=1)
def files_are_applied_in_the_order_of_their_names(database: Any) -> None:
    # Each needs the one before it. The order in which they are made is neither this order nor the opposite one.
    chain = {
        "_030_c": "CREATE TABLE c AS SELECT * FROM b",
        "_010_a": "CREATE TABLE a (seat int)",
        "_050_e": "CREATE TABLE e AS SELECT * FROM d",
        "_100_f": "CREATE TABLE f AS SELECT * FROM e",
        "_020_b": "CREATE TABLE b AS SELECT * FROM a",
        "_040_d": "CREATE TABLE d AS SELECT * FROM c",
    }
    with scratch(install=False) as db, files(**chain) as folder:
        database(db.url, db.schema).install(folder)
        expect(tables(db, *"abcdef"), list("abcdef"), "the tables of six files")


@case(hint=1)
def other_files_are_left_alone(database: Any) -> None:
    with scratch(install=False) as db, files(_010_seats="CREATE TABLE seats (seat int)") as folder:
        write(folder, "for_the_owner.sql", "CREATE TABLE for_the_owner (seat int)")
        write(folder, "020_notes.txt", "CREATE TABLE notes (seat int)")
        database(db.url, db.schema).install(folder)
        found = tables(db, "seats", "for_the_owner", "notes")
        expect(found, ["seats"], "the tables of 010_seats.sql, for_the_owner.sql and 020_notes.txt")


@case(hint=2)
def each_file_is_applied_once(database: Any) -> None:
    with scratch(install=False) as db, files(_010_seats="CREATE TABLE seats AS SELECT 5 AS seat") as folder:
        for _ in range(3):
            database(db.url, db.schema).install(folder)
        expect(one(db, "SELECT count(*) FROM seats"), 1, "the rows of a table that a file made, after three installs")


@case(hint=2)
def a_file_that_is_added_later_is_applied_by_the_next_install(database: Any) -> None:
    with scratch(install=False) as db, files(_010_seats="CREATE TABLE seats AS SELECT 5 AS seat") as folder:
        database(db.url, db.schema).install(folder)
        write(folder, "020_sixth.sql", "INSERT INTO seats VALUES (6)")
        write(folder, "005_players.sql", "CREATE TABLE players (name text)")
        for _ in range(2):
            database(db.url, db.schema).install(folder)
        seats = db.q("SELECT seat FROM seats ORDER BY seat")["seat"].tolist()
        expect(seats, [5, 6], "the seats after 010 has added one and 020, later, another")
        expect(tables(db, "players"), ["players"], "the table of 005, a low number that came late")


@case(hint=3)
def if_one_file_fails_nothing_stays(database: Any) -> None:
    two = {"_010_seats": "CREATE TABLE seats (seat int)", "_020_players": "CREATE TABEL players (name text)"}
    with scratch(install=False) as db, files(**two) as folder:
        installing = database(db.url, db.schema)
        try:
            installing.install(folder)
        except psycopg.errors.SyntaxError:
            pass
        else:
            raise NotKept("got no error from installing a file with a slip, expected psycopg.errors.SyntaxError")
        expect(tables(db, "seats", "players"), [], "the tables after the second of two files failed")
        write(folder, "020_players.sql", "CREATE TABLE players (name text)")
        installing.install(folder)
        found = tables(db, "seats", "players")
        expect(found, ["seats", "players"], "the tables after the file was put right")


@case(hint=3)
def each_schema_remembers_for_itself(database: Any) -> None:
    name = schema_name(purpose.get()) + " Friday night"
    with scratch(install=False) as db, files(_010_seats="CREATE TABLE seats (seat int)") as folder:
        friday = Workspace(name, install=False)
        try:
            for place in (db, friday):
                database(place.url, place.schema).install(folder)
                expect(tables(place, "seats"), ["seats"], f"the tables in {'one' if place is db else 'another'} schema")
        finally:
            friday.remove()


@case(hint=1)
def the_real_files_can_be_installed(database: Any) -> None:
    with scratch(install=False) as db:
        for _ in range(2):
            database(db.url, db.schema).install(ROOT / "sql")
        db.q(ONE_MORE, ["game.created", "hand 1", 1])
        expect(one(db, "SELECT count(*) FROM get_event_stream('hand 1')"), 1, "the events of a stream after an append")


EXERCISES = (
    Exercise(
        number="2.1",
        minutes=10,
        hints=(
            "Begin with `CREATE INDEX one_end ON domain_events (...)`, as a text between triple quotes, and return it. "
            "Which rows have to be on the list? The `WHERE` of the question says it.",
            "The condition `WHERE event_type = 'game.hand_completed'` at the end of the statement leaves all other "
            "events out of the list, and of the rule. In the brackets stands what the question wants sorted, and "
            "nothing else.",
            "Among the rows on the list, no hand may occur twice: that is `CREATE UNIQUE INDEX`, on one column. Each "
            "event of a hand has another version, so a pair with the version is always new. And the type in the "
            "`WHERE` has to be written exactly as in the question.",
        ),
        cases=(
            the_text_makes_one_index,
            a_hand_may_have_many_other_events,
            every_hand_may_end,
            a_second_end_is_refused,
            the_question_is_answered_by_the_index_alone,
        ),
        wrong=(
            WrongAnswer(
                mistake="The `WHERE` is missing, so a hand may have one event at all.",
                hint=2,
                change=("        WHERE event_type = 'game.hand_completed'\n", ""),
            ),
            WrongAnswer(
                mistake="The type is in the key and not in the `WHERE`, so no type may occur twice in a hand.",
                hint=2,
                code="""
def one_end():
    return "CREATE UNIQUE INDEX one_end ON domain_events (aggregate_id, event_type)"
""",
            ),
            WrongAnswer(
                mistake="The index is not unique, so a second end gets in.",
                hint=3,
                change=("CREATE UNIQUE INDEX", "CREATE INDEX"),
            ),
            WrongAnswer(
                mistake="The version is in the key, so every pair is new, and a second end gets in.",
                hint=3,
                change=("(aggregate_id)", "(aggregate_id, version)"),
            ),
        ),
    ),
    Exercise(
        number="2.2",
        minutes=15,
        hints=(
            "Keep the colleague's form: a function that ends with `$$;`, then a trigger that calls it. The first hole: "
            "the `IF` asks about one column, and a row has twelve. No change of an event would be right, so there is "
            "nothing to ask and nothing to return, only `RAISE EXCEPTION '...';`.",
            "The second hole: at a `DELETE` the comparison is with `NULL`, so no error is raised, and what is "
            "returned is `NULL`: the row is skipped in silence. Raise the error without looking at the row.",
            "The third hole: `TRUNCATE` is missing. It never fires a trigger `FOR EACH ROW`, so write `BEFORE UPDATE "
            "OR DELETE OR TRUNCATE` and `FOR EACH STATEMENT`. `INSERT` stays out of the list.",
        ),
        cases=(
            the_text_makes_a_function_and_its_trigger,
            no_row_trigger_listens_to_truncate,
            a_payload_cannot_be_changed,
            no_other_column_can_be_changed_either,
            delete_is_an_error,
            truncate_is_an_error,
            insert_works_as_before,
        ),
        wrong=(
            WrongAnswer(
                mistake="A row trigger that compares rows: a `DELETE` is skipped in silence.",
                hint=2,
                code="""
def guard():
    return '''
        CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD <> NEW THEN
                RAISE EXCEPTION 'events are facts';
            END IF;
            RETURN NEW;
        END
        $$;

        CREATE TRIGGER keep_history BEFORE UPDATE OR DELETE ON domain_events
            FOR EACH ROW EXECUTE FUNCTION keep_history();
    '''
""",
            ),
            WrongAnswer(
                mistake="A row trigger, which never hears of `TRUNCATE`.",
                hint=3,
                change=(
                    "DELETE OR TRUNCATE ON domain_events\n            FOR EACH STATEMENT",
                    "DELETE ON domain_events\n            FOR EACH ROW",
                ),
            ),
            WrongAnswer(
                mistake="The `;` behind `$$` is missing, so function and trigger become one broken statement.",
                hint=1,
                change=("$$;  -- and now the trigger that calls it", "$$"),
            ),
        ),
    ),
    Exercise(
        number="2.3",
        minutes=10,
        hints=(
            "`psycopg.connect(self.url, ...)` opens the connection. Then it has to execute one `SET search_path TO "
            "...` with the name of the schema, and at the end the method returns it.",
            "Each call makes a connection of its own, in autocommit mode: `psycopg.connect(self.url, "
            "autocommit=True)`. Return it open, so write no `with` here: the caller's `with` closes it.",
            "The name of a schema may hold blanks, capitals and quotes, and cannot travel as a value. The statement is "
            "`sql.SQL('SET search_path TO {}').format(sql.Identifier(self.schema))`.",
        ),
        cases=(
            the_name_of_a_schema_is_no_value,
            a_connection_comes_back,
            it_is_open_when_it_comes,
            it_finds_the_tables_of_its_schema,
            each_statement_is_kept_at_once,
            each_call_opens_a_new_one,
            any_name_of_a_schema_will_do,
        ),
        wrong=(
            WrongAnswer(
                mistake="The schema is never set, so the tables are not found.",
                hint=1,
                code="""
import psycopg

class Connecting:
    def __init__(self, url, schema):
        self.url = url
        self.schema = schema

    def connection(self):
        return psycopg.connect(self.url, autocommit=True)
""",
            ),
            WrongAnswer(
                mistake="No autocommit: what is written stays in a transaction that nobody commits.",
                hint=2,
                change=(", autocommit=True", ""),
            ),
            WrongAnswer(
                mistake="The name of the schema is put into the SQL as it is, without quotes.",
                hint=3,
                change=(
                    'sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema))',
                    'f"SET search_path TO {self.schema}"',
                ),
            ),
            WrongAnswer(
                mistake="The name of the schema travels as a value, which `SET search_path` does not take.",
                hint=3,
                change=(
                    'sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema))',
                    '"SET search_path TO %s", [self.schema]',
                ),
            ),
        ),
    ),
    Exercise(
        number="2.4",
        minutes=20,
        hints=(
            "`sorted(folder.glob('[0-9]*.sql'))` gives the files that count, in order. For each of them "
            "`connection.execute(path.read_text(encoding='utf-8'))`.",
            "Before the loop: `CREATE TABLE IF NOT EXISTS installed_files (name text PRIMARY KEY)`, and read the "
            "names from it into a set: each row is a tuple, its name is `row[0]`. Skip a file whose name is in the "
            "set. After a file was applied, insert its name.",
            "Everything, from making the small table to the last name, belongs under one "
            "`with connection.transaction():`. Let errors pass: do not catch them. Keep what you remember in the "
            "table, not in Python.",
        ),
        cases=(
            files_are_applied_in_the_order_of_their_names,
            other_files_are_left_alone,
            each_file_is_applied_once,
            a_file_that_is_added_later_is_applied_by_the_next_install,
            the_real_files_can_be_installed,
            if_one_file_fails_nothing_stays,
            each_schema_remembers_for_itself,
        ),
        wrong=(
            WrongAnswer(
                mistake="Every file that ends with `.sql` is applied, those for the owner too.",
                hint=1,
                change=('sorted(folder.glob("[0-9]*.sql"))', 'sorted(folder.glob("*.sql"))'),
            ),
            WrongAnswer(
                mistake="The files are applied in whatever order the disk lists them.",
                hint=1,
                change=('sorted(folder.glob("[0-9]*.sql"))', 'folder.glob("[0-9]*.sql")'),
            ),
            WrongAnswer(
                mistake="Nobody notes that a file was applied, so the next install applies it again.",
                hint=2,
                change=('connection.execute("INSERT INTO installed_files VALUES (%s)", [path.name])', "pass"),
            ),
            WrongAnswer(
                mistake="No transaction: when one file fails, what the others have made stays.",
                hint=3,
                change=("with connection.transaction():", "if True:"),
            ),
        ),
    ),
)
