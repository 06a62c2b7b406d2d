"""Templates: what they fill in, and what they refuse with a place and a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.annotations import TemplateError, parse_template, render_template

LABELS = {"host": "erp1", "device": "sda"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to fill in", "nothing to fill in"),
        ("{{ $labels.host }}", "erp1"),
        ("{{.Labels.host}} {{.Value}}", "erp1 0.9725"),
        ("[{{ $labels.missing }}]", "[]"),
        ("{{ $value | humanizePercentage }}", "97.25%"),
        ("{{ humanizePercentage $value }}", "97.25%"),
        ('{{ printf "%.1f" $value }}', "1.0"),
        ('{{ $value | printf "%.2f of %s" 3 }}', "3.00 of 0.9725"),
        ("{{ humanize $labels.host }}", "<humanize: “erp1” is not a number>"),
        ('{{ "a \\"b\\" }}" }}', 'a "b" }}'),
        ("{{ `raw \\n` }}", "raw \\n"),
        ("a {{- $labels.host -}} b", "aerp1b"),
        ("{{ $labels.host | toUpper | toLower | title }}", "Erp1"),
        ("{{ humanizeTimestamp 0 }}", "1970-01-01 00:00:00 +0000 UTC"),
    ],
)
def test_template__known_words__filled_in(text: str, expected: str) -> None:
    assert render_template(text, labels=LABELS, value=0.9725) == expected


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("{{ $labels.host", "“{{” is not closed by “}}”.", 0),
        ("{{ }}", "There is nothing between “{{”, “|” and “}}”.", 2),
        ("{{ $value | }}", "There is nothing between “{{”, “|” and “}}”.", 2),
        ("{{ shout $value }}", "There is no function “shout”.", 3),
        ("x {{ $external }}", "“$external” is not known. Known are $value and $labels.<name>.", 5),
        ("{{ range .Alerts }}{{ end }}", "There is no function “range”.", 3),
        ("{{ .Alerts }}", "“.Alerts” can't be used here.", 3),
        ("{{ $value $value }}", "Only a function can take an argument.", 3),
        ("{{ $value | $value }}", "Only a function can take an argument.", 12),
        ("{{ humanize }}", "“humanize” can't take 0 arguments.", 3),
        ("{{ humanize $value $value }}", "“humanize” can't take 2 arguments.", 3),
        ("{{ humanize title $value }}", "“title” can't stand here: put “|” before a function.", 12),
        ("{{ printf $value }}", "printf needs its format in quotes first.", 3),
        ('{{ printf "%d" $value }}', "printf: %d is not known; known are %s %v %f %e %g.", 3),
        ('{{ printf "%.1f" }}', "printf: there are fewer values than places in the format.", 3),
        ('{{ printf "x" $value }}', "printf: there are more values than places in the format.", 3),
        ("{{ __import__('os') }}", "There is no function", 3),
    ],
)
def test_template__unknown_or_wrong__refused_with_place_and_reason(text: str, message: str, position: int) -> None:
    with pytest.raises(TemplateError) as refusal:
        parse_template(text)

    assert message in refusal.value.message
    assert refusal.value.position == position


@given(text=st.text(alphabet=st.sampled_from('{}$|"`\\-. aVl0%s\nlabelsvalueprintf'), max_size=60), value=st.floats())
def test_template__any_text__rendered_or_refused_never_broken(text: str, value: float) -> None:
    place, rendered = 0, ""
    try:
        rendered = parse_template(text).render(labels=LABELS, value=value)
    except TemplateError as refusal:
        place = refusal.position

    assert 0 <= place <= len(text)
    assert isinstance(rendered, str)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1e308, 5e-324])
def test_template__values_at_the_edge__every_function_copes(value: float) -> None:
    names = ["humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "title"]
    texts = [f"{{{{ {name} $value }}}}" for name in names] + [
        '{{ printf "%f %e %g %v %.2f" $value $value $value $value $value }}'
    ]

    assert all(render_template(text, labels={}, value=value) for text in texts)
