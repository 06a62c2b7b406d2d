"""Stacks as languages print them."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors.stack_texts import MAX_FRAMES, read_stack_text

PHP = """#0 /srv/erp/app/Ledger.php(42): App\\Ledger->post(Object(App\\Invoice))
#1 [internal function]: App\\Ledger->{closure}()
#2 /srv/erp/vendor/laravel/framework/src/Router.php(7): call_user_func(Object(Closure))
#3 {main}"""
V8 = """TypeError: Cannot read properties of undefined (reading 'id')
    at post (https://erp.example.com/assets/app.js:10:20)
    at async Ledger.save [as go] (https://erp.example.com/assets/app.js:33:4)
    at https://erp.example.com/assets/app.js:50:6"""
GECKO = """post@https://erp.example.com/assets/app.js:10:20
save/<@https://erp.example.com/assets/app.js:33:4
@https://erp.example.com/assets/app.js:50:6"""
JAVA = """java.lang.IllegalStateException: no
\tat com.example.erp.Ledger.post(Ledger.java:42)
\tat java.base/java.lang.reflect.Method.invoke(Native Method)
\tat java.lang.Thread.run(Thread.java:833)
Caused by: java.sql.SQLException: gone
\tat com.example.erp.Db.open(Db.java:7)"""
NET = """System.InvalidOperationException: no
   at Erp.Ledger.Post(Invoice invoice) in C:\\src\\Ledger.cs:line 42
   at System.Threading.Tasks.Task.Execute()"""
GO = """panic: no

goroutine 1 [running]:
main.(*Ledger).Post(0xc000012345, 0x1)
\t/srv/erp/ledger.go:42 +0x1d
net/http.HandlerFunc.ServeHTTP(0xc0000)
\t/usr/local/go/src/net/http/server.go:2136 +0x29
created by main.main in goroutine 1
\t/srv/erp/main.go:9 +0x2b"""
RUBY = """/srv/erp/ledger.rb:42:in `post': no (RuntimeError)
\tfrom /usr/lib/ruby/gems/3.1.0/gems/rack/lib/rack.rb:7:in `call'
\tfrom main.rb:3:in '<main>'"""


@pytest.mark.parametrize(
    ("text", "platform", "newest", "count", "own"),
    [
        (PHP, "php", ("/srv/erp/app/Ledger.php", 42, "App\\Ledger->{closure}"), 3, 1),
        (V8, "javascript", ("https://erp.example.com/assets/app.js", 10, "post"), 3, 3),
        (GECKO, "javascript", ("https://erp.example.com/assets/app.js", 10, "post"), 3, 3),
        (JAVA, "java", ("Ledger.java", 42, "post"), 3, 1),
        (NET, "csharp", ("C:\\src\\Ledger.cs", 42, "Post"), 2, 1),
        (GO, "go", ("/srv/erp/ledger.go", 42, "main.(*Ledger).Post"), 3, 2),
        (RUBY, "ruby", ("/srv/erp/ledger.rb", 42, "post"), 3, 2),
    ],
)
def test_stack_text__of_a_language__is_read(
    text: str, platform: str, newest: tuple[str, int, str], count: int, own: int
) -> None:
    stack = read_stack_text(text)
    frame = stack.frames[-1]
    assert (stack.platform, len(stack.frames)) == (platform, count)
    assert (frame["filename"], frame["lineno"], frame["function"]) == newest
    assert sum(frame["in_app"] for frame in stack.frames) == own


def test_stack_text__php_with_the_place__names_the_function_of_each_line() -> None:
    stack = read_stack_text(PHP, path="/srv/erp/app/Book.php", line=9)
    assert [(frame["filename"], frame.get("lineno"), frame["function"]) for frame in stack.frames[::-1]] == [
        ("/srv/erp/app/Book.php", 9, "App\\Ledger->post"),
        ("/srv/erp/app/Ledger.php", 42, "App\\Ledger->{closure}"),
        ("[internal function]", None, "call_user_func"),
        ("/srv/erp/vendor/laravel/framework/src/Router.php", 7, "{main}"),
    ]


def _fail(depth: int) -> None:
    if depth:
        _fail(depth - 1)
    raise ValueError("no")


def test_stack_text__of_this_python__is_what_the_traceback_says() -> None:
    try:
        _fail(2)
    except ValueError as error:
        text, known = traceback.format_exc(), traceback.extract_tb(error.__traceback__)
    stack = read_stack_text(text)
    assert stack.platform == "python"
    assert [
        (frame["filename"], frame["lineno"], frame["function"], frame["context_line"]) for frame in stack.frames
    ] == [(each.filename, each.lineno, each.name, each.line) for each in known]


@given(
    st.one_of(
        st.text(max_size=2000),
        st.lists(st.sampled_from((PHP + V8 + GECKO + JAVA + NET + GO + RUBY).splitlines())).map("\n".join),
    )
)
def test_stack_text__anything__gives_bounded_frames_of_known_types(text: str) -> None:
    stack = read_stack_text(text)
    assert len(stack.frames) <= MAX_FRAMES
    for frame in stack.frames:
        assert isinstance(frame["in_app"], bool)
        assert 0 <= frame.get("lineno", 0) < 10**9
        assert len(frame.get("function", "")) <= 600


@given(st.text(alphabet="at (:@#1.)\\/x\t", min_size=1, max_size=40))
def test_stack_text__repeated_for_ever__is_read_in_bounded_steps(piece: str) -> None:
    assert len(read_stack_text(piece * 20_000).frames) <= MAX_FRAMES
