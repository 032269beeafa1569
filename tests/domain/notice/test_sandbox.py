"""A template that asks for too much is stopped before it has made it, however it asks."""

import pytest
from jinja2 import TemplateSyntaxError

from amends.domain.notice.bounds import MOST_TEXT, TooMuch
from amends.domain.notice.sandbox import BoundedSandbox

PAGE = "x" * 200_000
EXACTLY = "x" * MOST_TEXT


def twice(how: str) -> str:
    """A template that doubles a value forty times."""
    doubled = f"{{% for i in range(40) %}}{{% set kept.x = {how} %}}{{% endfor %}}"
    return f"{{% set kept = namespace(x='a') %}}{doubled}{{{{ kept.x }}}}"


def loops(levels: int, inside: str = "") -> str:
    return "{% for i in range(10000) %}" * levels + inside + "{% endfor %}" * levels


BOMBS = {
    "a text, repeated": "{{ 'a' * 10**10 }}",
    "repeated, the number first": "{{ 10000000000 * 'a' }}",
    "a list, repeated": "{{ [1] * 10000000000 }}",
    "a power of powers": "{{ 9 ** 9 ** 9 }}",
    "a number, doubled": twice("kept.x|length * 10 ** 10 * 10 ** 10"),
    "a long range": "{% for i in range(1000000000) %}x{% endfor %}",
    "loops in loops": loops(4),
    "loops that write": loops(2, "something to read"),
    "loops that write into a value": f"{{% set all %}}{loops(2, 'something')}{{% endset %}}",
    "a text, doubled": twice("kept.x ~ kept.x"),
    "a text, added to itself": twice("kept.x + kept.x"),
    "a list in a list": twice("[kept.x, kept.x]"),
    "a list, joined": twice("[kept.x, kept.x]|join"),
    "blocks in blocks": "{% set x0 %}a{% endset %}"
    + "".join(f"{{% set x{i + 1} %}}{{{{ x{i} }}}}{{{{ x{i} }}}}{{% endset %}}" for i in range(40)),
    "macros that call two": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "calls in calls": "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}"
    + ("{% call m() %}" * 30 + "x" + "{% endcall %}" * 30),
    "a wide %": "{{ '%1000000000d' % 3 }}",
    "a width from a value": "{{ '%*d' % (1000000000, 3) }}",
    "a wide format": "{{ '{:>1000000000}'.format('a') }}",
    "a width from another": "{{ '{:>{}}'.format('a', 1000000000) }}",
    "a format map": "{{ '{a:>1000000000}'.format_map({'a': 1}) }}",
    "a format found by name": "{{ 'a'['format']('a') ~ '{:>1000000000}'['format']('a') }}",
    "the filter format": "{{ '%1000000000d'|format(3) }}",
    "a form with many places": "{{ ('{0}' * 10000).format('a' * 100000) }}",
    "center": "{{ 'a'|center(1000000000) }}",
    "the method center": "{{ 'a'.center(1000000000) }}",
    "ljust": "{{ 'a'.ljust(1000000000) }}",
    "zfill": "{{ 'a'.zfill(1000000000) }}",
    "tabs": "{{ '\t'.expandtabs(1000000000) }}",
    "indent": "{{ 'a'|indent(1000000000) }}",
    "batch": "{{ [1]|batch(1000000000, 'x')|list }}",
    "slice": "{{ [1]|slice(1000000000)|list }}",
    "replace": "{{ ('a' * 100000)|replace('a', 'b' * 100000) }}",
    "the method replace": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "translate": "{{ ('a' * 900000).translate({97: 'b' * 900000}) }}",
    "a join of two gigabytes": "{{ range(10000)|join('x' * 200000) }}",
    "the method join": "{{ ('x' * 900000).join('a' * 900000) }}",
    "a join of what a filter yields": "{{ range(10000)|map('string')|join('x' * 200000) }}",
    "a chain of filters": "{{ range(10000)|map('string')|map('center', 9000)|join }}",
    "wordwrap": "{{ ('a' * 900000)|wordwrap(1, wrapstring='b' * 100000) }}",
    "JSON": "{{ [1]|tojson(1000000000) }}",
    "a page, included often": "{% macro m() %}" + loops(1, "{% include 'page' %}") + "{% endmacro %}{{ m() }}",
    "a page, imported often": loops(1, "{% from 'page' import x %}"),
    "a long text": "{% include 'page' %}" * 6,
    "one character too many": "{% include 'exactly' %}x",
}
SELF = {
    "a macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a template": "{% include 'text' %}",
    "a loop": "{% for x in range(1000) recursive %}{{ loop(range(1000)) }}{% endfor %}",
}
DEEP = {
    "brackets": "\n\n{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "conditions": "\n\n" + "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "a sum": "\n\n{{ " + "+".join(["1"] * 20_000) + " }}",
    "filters": "\n\n{{ 'a'" + "|upper" * 20_000 + " }}",
    "lists": "\n\n{{ " + "[" * 400 + "]" * 400 + " }}",
}
HARMLESS = {
    "{{ '=' * 70 }}": "=" * 70,
    "{{ '{:,}'.format(12345678) }}": "12,345,678",
    "{{ '%d of %d' % (40000000, 80000000) }}": "40000000 of 80000000",
    "{{ '%d people'|format(40000000) }}": "40000000 people",
    "{{ 40000000|filesizeformat }}": "40.0 MB",
    "{{ ['a', 'b']|join(', ') ~ 1 }}": "a, b1",
    "{{ 'a\nb'|indent(4) }}": "a\n    b",
    "{% for x in 'ab' %}{{ loop.index }} of {{ loop.length }}{{ ', ' if not loop.last }}{% endfor %}": "1 of 2, 2 of 2",
    "{% for x in [[1], [2]] recursive %}{{ x if x is number else loop(x) }}{% endfor %}": "12",
    "{% for x in range(3) if x %}{{ x }}{% else %}none{% endfor %}": "12",
    "{% include 'exactly' %}": EXACTLY,
}


def rendered(text: str) -> str:
    sandbox = BoundedSandbox({"text": text, "page": PAGE, "exactly": EXACTLY})
    return sandbox.text_and_subject("text", {})[0]


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_template_that_asks_for_too_much_is_stopped(bomb: str) -> None:
    with pytest.raises(TooMuch):
        rendered(bomb)


@pytest.mark.parametrize("endless", SELF.values(), ids=SELF.keys())
def test_what_calls_itself_for_ever_is_stopped(endless: str) -> None:
    with pytest.raises(RecursionError):
        rendered(endless)


@pytest.mark.parametrize("deep", DEEP.values(), ids=DEEP.keys())
def test_what_is_nested_too_deeply_is_named_with_its_line(deep: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="100 levels deep") as caught:
        rendered(deep)
    assert caught.value.lineno == 3


def test_the_subject_has_the_same_bound() -> None:
    with pytest.raises(TooMuch):
        rendered("{% set subject %}" + "{% include 'page' %}" * 6 + "{% endset %}")


@pytest.mark.parametrize(("text", "read"), HARMLESS.items())
def test_what_notices_need_is_let_through(text: str, read: str) -> None:
    assert rendered(text) == read


def test_a_sandbox_counts_each_text_afresh() -> None:
    """The work of one text says nothing about the next text: many variants are rendered with one sandbox."""
    sandbox = BoundedSandbox({"text": loops(1, "{% for i in range(10) %}{% endfor %}")})
    for _ in range(5):
        assert sandbox.text_and_subject("text", {}) == ("", "")
