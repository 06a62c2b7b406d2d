"""One statement for all runs of a query, and no value in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.performance.statements import normalise, read_statement


@pytest.mark.parametrize(
    ("system", "sent", "expected"),
    [
        ("postgresql", "SELECT * FROM orders WHERE id = 7", "SELECT * FROM orders WHERE id = ?"),
        (
            "postgresql",
            'SELECT "a"."id" FROM "a" WHERE "a"."x" = %s LIMIT 21',
            "SELECT a.id FROM a WHERE a.x = ? LIMIT ?",
        ),
        ("postgresql", "SELECT $1::text, $2 -- note\n", "SELECT ?::text, ?"),
        ("postgresql", "SELECT 1 WHERE x IN (1, 2,3)", "SELECT ? WHERE x IN (?)"),
        ("postgresql", "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'it''s')", "INSERT INTO t (a, b) VALUES (?)"),
        ("postgresql", "SELECT $tag$secret$tag$, E'a\\'b', 1.5e-3, -4", "SELECT ?, ?, ?, ?"),
        ("mysql", 'select * from `users` where `email` = "ada@example.com" # x', "select * from users where email = ?"),
        ("mysql", "select * from users where id = :id and a = @p1", "select * from users where id = ? and a = ?"),
        ("sqlite", "SELECT x FROM t WHERE a = ? /* c */ AND b=0xFF", "SELECT x FROM t WHERE a = ? AND b=?"),
        ("postgresql", 'SAVEPOINT "s140_x12"', "SAVEPOINT"),
        (
            "postgresql",
            "SELECT * FROM point_slot_00042 WHERE t1.col2 = 5;",
            "SELECT * FROM point_slot_{n} WHERE t1.col2 = ?",
        ),
        ("postgresql", "SELECT 'never closed", "SELECT ?"),
        ("postgresql", "SELECT 1_000_000, 0b1011 /* a /* b */ secret */ FROM t", "SELECT ?, ? FROM t"),
        (
            "postgresql",
            r"SELECT * FROM t WHERE path = 'C:\' AND name = 'ada' AND b = 1",
            "SELECT * FROM t WHERE path = ? AND name = ? AND b = ?",
        ),
        ("sqlite", r"UPDATE t SET path = 'C:\', name = 'ada'", "UPDATE t SET path = ?, name = ?"),
        ("mysql", r"UPDATE t SET path = 'it\'s', name = 'ada'", "UPDATE t SET path = ?, name = ?"),
        ("mysql", r'UPDATE t SET path = "a\"b", name = "ada"', "UPDATE t SET path = ?, name = ?"),
        ("mysql", "SELECT 5--1, 'a' FROM t", "SELECT ?-?, ? FROM t"),
        ("oracle", "SELECT q'[it's]' FROM t WHERE a = 'ada'", "SELECT ? FROM t WHERE a = ?"),
        (
            "",
            "SELECT * FROM users WHERE name = \"ada\" AND a IN ('b')",
            "SELECT * FROM users WHERE name = ? AND a IN (?)",
        ),
        ("sqlite", 'SELECT * FROM users WHERE name = "ada"', "SELECT * FROM users WHERE name = ?"),
        ("", 'SELECT "a"."id" FROM "a" WHERE "a"."x" = %s', "SELECT a.id FROM a WHERE a.x = ?"),
        ("", 'SELECT TRIM("x" FROM "ada") FROM t', "SELECT TRIM(? FROM ?) FROM t"),
        ("", 'SELECT a IS DISTINCT FROM "ada" FROM t', "SELECT a IS DISTINCT FROM ? FROM t"),
        ("", "SELECT a FROM t # ada's\nWHERE b = 'c'", "SELECT a FROM t ?"),
        ("mysql", "SELECT a FROM t #ada's\nWHERE b = 'c'", "SELECT a FROM t WHERE b = ?"),
        ("postgresql", "SELECT a #>> '{b,c}' FROM t WHERE d #> $1", "SELECT a #>> ? FROM t WHERE d #> ?"),
        ("", "SELECT a #>> '{b,c}' FROM t WHERE d #- $1", "SELECT a #>> ? FROM t WHERE d #- ?"),
        ("mssql", "SELECT [a b] FROM #tmp WHERE id = 5", "SELECT a b FROM #tmp WHERE id = ?"),
    ],
)
def test_normalise__statement_of_any_system__has_no_values(system: str, sent: str, expected: str) -> None:
    assert normalise(sent, system=system) == expected


@pytest.mark.parametrize(
    ("sent", "operation", "table"),
    [
        ("select * from `orders` where id = 1", "SELECT", "orders"),
        ("UPDATE ONLY erp.stock SET n = n - 1", "UPDATE", "erp.stock"),
        ("insert into lines (a) values (1)", "INSERT", "lines"),
        ("DELETE FROM sessions WHERE id = 'x'", "DELETE", "sessions"),
        ("WITH fresh AS (SELECT 1 FROM a) INSERT INTO b SELECT * FROM fresh", "INSERT", "b"),
        ("(SELECT x FROM a) UNION (SELECT x FROM b)", "SELECT", "a"),
        ("SELECT * FROM unnest(%s::int[]) JOIN invoices ON true", "SELECT", ""),
        ("SELECT * FROM #tmp WHERE id = 5", "SELECT", "#tmp"),
        ("INSERT INTO ##shared (a) VALUES (1)", "INSERT", "##shared"),
        ("BEGIN", "BEGIN", ""),
        ("", "", ""),
    ],
)
def test_read_statement__without_the_clients_word__says_what_it_does_and_to_what(
    sent: str, operation: str, table: str
) -> None:
    found = read_statement(sent)
    assert (found.operation, found.table) == (operation, table)


@given(st.text(max_size=60).map(lambda text: text.replace("'", "''").replace("\\", "\\\\")))
def test_normalise__any_text_in_quotes__is_one_statement(value: str) -> None:
    assert (
        normalise(f"SELECT * FROM users WHERE name = '{value}' AND a = 1")
        == "SELECT * FROM users WHERE name = ? AND a = ?"
    )


_PIECES = st.lists(
    st.sampled_from(["'", '"', "\\", "#", "-- ", "/*", "$$", " ", "\n", "x", ".", "`"]), max_size=12
).map("".join)
_QUOTED = {
    "postgresql": lambda text: "'" + text.replace("'", "''") + "'",
    "mysql": lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'",
    "mariadb": lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "sqlite": lambda text: '"' + text.replace('"', '""') + '"',
}


@given(st.sampled_from(sorted(_QUOTED)), _PIECES, _PIECES, st.booleans())
def test_normalise__value_quoted_as_its_database_does__never_shows_it(
    system: str, before: str, after: str, is_named: bool
) -> None:
    sent = f"SELECT a FROM t WHERE b = {_QUOTED[system](before)} AND c = {_QUOTED[system](after + 'Ada')} AND d = 1"
    found = normalise(sent, system=system if is_named else "")
    assert "Ada" not in found
    if is_named:
        assert found == "SELECT a FROM t WHERE b = ? AND c = ? AND d = ?"


@pytest.mark.parametrize("system", ["", "mysql", "postgresql"])
def test_normalise__text_cut_behind_a_backslash__is_a_value(system: str) -> None:
    assert normalise("SELECT 'secret\\", system=system) == normalise("SELECT 'it''s\\", system=system) == "SELECT ?"


@given(st.text(max_size=300), st.sampled_from(["", "mysql", "postgresql"]))
def test_normalise__anything__is_text_that_the_database_takes(sent: str, system: str) -> None:
    found = normalise(sent, system=system)
    assert "\x00" not in found
    assert found.encode().decode() == found


@pytest.mark.parametrize(
    "piece", ["'", '"', "`", "/*", "$$", "$a$", "(", "(?,", "x'", "''\\", "- ", "1", "with ", "#", "q'[", "\\"]
)
def test_normalise__a_mebibyte_of_what_is_never_closed__is_read_up_to_its_bound(piece: str) -> None:
    assert len(normalise(piece * (1024 * 1024 // len(piece)))) <= 8_000
