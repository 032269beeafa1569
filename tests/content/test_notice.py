import pytest

from amends.content.notice import read_wording
from amends.domain.base.errors import ContentError
from amends.domain.incident.facts import DataCategory

NAMES = "\n".join(f"  {category}: words for it" for category in DataCategory)
LOCALE = """\
locale: en
language: English
date: "{day} {month} {year}"
months: [a, b, c, d, e, f, g, h, i, j, k, l]
weekdays: [a, b, c, d, e, f, g]
moment: "{weekday}, {date}, {hour}:{minute} ({zone})"
at_least: "{number}+"
at_most: "<{number}"
between: "{first}-{last}"
list_comma: ", "
list_and: " and "
step_words: {today: Today, this_week: This week, from_now: From now on, entry: "{when}: {do}", timed: "{when}: {do}",
  contact: "{name}: {ways}", or_by: "; ", your: your, child: your child's,
  beware: {when: from_now, first: Take care., do: take care.}}
steps: {}
help_elsewhere: Call the police.
commitment_states: {open: open, kept: kept, late: late, dropped: not kept, broken: broken}
never_say: []
portal: {ask: Ask us}
happened: {"on": "{first}", between: "{first}-{last}", from: "{first}-", until: "-{last}"}
statements: {occurred: a, discovered: b, contained: c, people: d, cause: e, vector: f, malicious: g, encrypted: h,
  exfiltration: i, recipient: j, misuse: k, measures: l, elements: m}
values: {}
no_data: none
not_so: It was not so.
denied: "not {value}"
data:
"""


@pytest.fixture
def words(write, tmp_path):
    """A folder with one template and one locale; files are added by name."""

    def with_(**files):
        write("notices/first-notice/en.email.md", "Hello {{ person.name }}")
        write("locales/en.yaml", LOCALE + NAMES)
        for name, text in files.items():
            write(name, text)
        return tmp_path

    return with_


def findings(root):
    with pytest.raises(ContentError) as caught:
        read_wording(root)
    return [(finding.where.removeprefix(f"{root}/"), str(finding.code)) for finding in caught.value.findings]


def test_templates_are_known_by_their_path_below_notices(words):
    assert read_wording(words()).templates == {"first-notice/en.email.md": "Hello {{ person.name }}"}


def test_a_notice_can_be_sent_in_the_locales_it_is_written_in(words):
    assert read_wording(words()).locales("first-notice") == ("en",)


def test_what_templates_share_may_have_any_name(words):
    root = words(**{"notices/_base/pieces.md": "x", "notices/update/en.email.md": '{% include "_base/pieces.md" %}'})
    assert "_base/pieces.md" in read_wording(root).templates


def test_a_template_that_is_not_closed_names_file_and_line(words):
    root = words(**{"notices/update/en.email.md": "one\n{% if reader %}\nthree {{ }}\n"})
    assert findings(root) == [("notices/update/en.email.md:3:1", "E121")]


@pytest.mark.parametrize("tag", ['{% extends "_base/x.md" %}', '{% include "x.md" %}', '{% from "x.md" import a %}'])
def test_a_template_using_a_missing_one_names_file_and_line(words, tag):
    """A template that extends, includes or imports a template that does not exist is refused with file and line."""
    assert findings(words(**{"notices/update/en.email.md": f"one\n{tag}"})) == [
        ("notices/update/en.email.md:2:1", "E121")
    ]


def test_a_template_may_not_choose_another_one_by_a_value(words):
    root = words(**{"notices/update/en.email.md": "{% include person.name %}"})
    assert findings(root) == [("notices/update/en.email.md:1:1", "E121")]


@pytest.mark.parametrize(
    "text",
    [
        '{{ person.nmae|default("customer") }}',
        '{{ person.nmae|d("customer") }}',
        "{% if person.nmae is defined %}x{% endif %}",
        "{% if page is not none %}x{% endif %}",
        "{{ promises|map(attribute='nmae', default='x')|join }}",
        "{{ none }}",
        "{{ 'Dear ' ~ None }}",
        "{% set news = null %}",
    ],
)
def test_a_template_hiding_gaps_or_using_null_names_file_and_line(words, text):
    """A template that hides a missing value behind a default or a test, or that uses null, is refused with file and
    line.
    """
    found = findings(words(**{"notices/update/en.email.md": f"one\n{text}"}))
    assert set(found) == {("notices/update/en.email.md:2:1", "E121")}


def test_a_template_may_say_null_in_text_and_test_for_empty(words):
    """A template may have the words "default", "null" and "none" in its text, and may ask whether a value is empty."""
    text = "By default, null and none. {{ 'null' if page == 'none' else page }} {% if not promises %}{{ 0 }}{% endif %}"
    assert "update/en.email.md" in read_wording(words(**{"notices/update/en.email.md": text})).templates


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en.email.txt", "E104"),
        ("en.sms.md", "E104"),
        ("en.fax.md", "E102"),
        ("zh_CN.email.md", "E104"),
        ("notes.doc", "E104"),
    ],
)
def test_a_template_that_would_never_be_found_is_refused(words, name, code):
    assert findings(words(**{f"notices/update/{name}": "x"})) == [(f"notices/update/{name}", code)]


def test_hidden_files_are_left_alone(words):
    assert read_wording(words(**{"notices/update/.DS_Store": "\0"})).templates.keys() == {"first-notice/en.email.md"}


def test_a_private_use_character_in_a_template_is_refused(words):
    """A private-use character in a template is refused with its place."""
    root = words(**{"notices/update/en.email.md": "one\r\ntwo \ue000name\ue001"})
    assert findings(root) == [("notices/update/en.email.md:2:5", "E109")]


def test_a_template_that_is_not_utf8_is_refused(words):
    root = words(**{"notices/update/zh-CN.email.md": "中文".encode("gb18030")})
    assert findings(root) == [("notices/update/zh-CN.email.md:1:1", "E105")]


def test_a_kind_of_data_without_a_name_is_refused(words):
    """A locale in which a kind of data has no name is refused, because notices would pass over this kind."""
    root = words(**{"locales/en.yaml": LOCALE + NAMES.replace("  genetic: words for it\n", "")})
    assert findings(root) == [("locales/en.yaml", "E110")]


def test_what_one_locale_says_every_locale_says(words):
    other = (LOCALE + NAMES).replace("locale: en", "locale: de").replace("{ask: Ask us}", "{}")
    assert findings(words(**{"locales/de.yaml": other})) == [("locales/de.yaml", "E110")]


def test_a_locale_file_that_names_another_locale_is_refused(words):
    assert findings(words(**{"locales/de.yaml": LOCALE + NAMES})) == [("locales/de.yaml:1:9", "E104")]


def test_a_locale_file_is_named_after_a_locale(words):
    other = (LOCALE + NAMES).replace("locale: en", "locale: zh_CN")
    assert findings(words(**{"locales/zh_CN.yaml": other})) == [("locales/zh_CN.yaml", "E104")]


def test_a_date_with_an_unknown_part_is_refused_with_its_place(words):
    root = words(**{"locales/en.yaml": (LOCALE + NAMES).replace("{day}", "{dey}")})
    assert findings(root) == [("locales/en.yaml:3:7", "E104")]


@pytest.mark.parametrize(
    "hello", ["{nam}", "{}", "{name", "{name!r}", "{name:>999999999}", "{name.__class__}", "{name[0]}"]
)
def test_a_portal_word_with_an_unknown_part_is_refused(words, hello):
    """A word of the portal with an unknown or malformed part in braces is refused with its place."""
    other = (LOCALE + NAMES).replace("{ask: Ask us}", f'{{hello: "Hello {hello}"}}')
    assert findings(words(**{"locales/en.yaml": other})) == [("locales/en.yaml:19:17", "E104")]


def test_a_word_into_which_nothing_is_put_has_no_parts(words):
    other = (LOCALE + NAMES).replace("{ask: Ask us}", '{ask: "Ask us, {name}", hello: "Hello {name}"}')
    assert findings(words(**{"locales/en.yaml": other})) == [("locales/en.yaml:19:15", "E104")]


def test_a_commitment_state_without_a_name_is_refused(words):
    """A locale in which a state of a commitment has no name is refused, because the notice about it could not be
    drafted.
    """
    root = words(**{"locales/en.yaml": (LOCALE + NAMES).replace(", late: late", "")})
    assert findings(root) == [("locales/en.yaml", "E110")]


def test_all_wrong_files_are_found_at_once(words):
    root = words(
        **{"notices/update/en.email.md": "{{", "notices/update/en.fax.md": "x", "locales/en.yaml": "locale: en"}
    )
    assert {where.split(":")[0] for where, _ in findings(root)} == {
        "notices/update/en.email.md",
        "notices/update/en.fax.md",
        "locales/en.yaml",
    }
