from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amends.content.file.document import read_document
from amends.content.file.reading import Place
from amends.domain.base.errors import ContentError


def refusals(path):
    with pytest.raises(ContentError) as caught:
        read_document(path)
    return [(finding.where.removeprefix(f"{path}"), str(finding.code)) for finding in caught.value.findings]


def test_words_for_yes_and_no_stay_words(write):
    assert read_document(write("a.yaml", "a: yes\nb: no\nc: NO\nd: on")).content == {
        "a": "yes",
        "b": "no",
        "c": "NO",
        "d": "on",
    }


def test_a_time_keeps_its_zone_because_it_stays_a_text(write):
    assert read_document(write("a.yaml", "at: 2026-11-20T08:00:00+08:00")).content["at"] == "2026-11-20T08:00:00+08:00"


def test_plain_scalars_are_read_as_yaml_1_2_says(write):
    content = read_document(write("a.yaml", "[1, -2, 1.5, 1e3, true, False, null, ~, '1', 12:30, 0x1f, 1_000]")).content
    assert content == [1, -2, 1.5, 1000.0, True, False, None, None, "1", "12:30", "0x1f", "1_000"]


def test_a_number_with_a_leading_zero_is_refused_rather_than_guessed(write):
    assert refusals(write("a.yaml", "size: 0123")) == [(":1:7", "E104")]


def test_a_quoted_code_with_a_leading_zero_is_a_text(write):
    assert read_document(write("a.yaml", "size: '0123'")).content == {"size": "0123"}


def test_a_table_that_is_taken_for_yaml_is_asked_about(write):
    with pytest.raises(ContentError, match=r"a\.yaml:3:1 E105 this is not YAML: .+ is it the right file"):
        read_document(write("a.yaml", "id,name\n1,Ada #2\n2,Li"))


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_every_value_has_its_place(write, name):
    document = read_document(write(name, '{"a":\n  [1,\n   {"b": 2}]}'))
    assert document.values == {
        (): Place(1, 1),
        ("a",): Place(2, 3),
        ("a", 0): Place(2, 4),
        ("a", 1): Place(3, 4),
        ("a", 1, "b"): Place(3, 10),
    }


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_every_key_has_its_place(write, name):
    document = read_document(write(name, '{"a":\n  [1,\n   {"b": 2}]}'))
    assert document.keys == {("a",): Place(1, 2), ("a", 1, "b"): Place(3, 5)}


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_a_byte_order_mark_is_no_part_of_the_file(write, name):
    assert read_document(write(name, b'\xef\xbb\xbf{"a": 1}')).content == {"a": 1}


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_a_key_that_stands_twice_is_refused_where_it_stands_again(write, name):
    assert refusals(write(name, '{"a": 1,\n "a": 2}')) == [(":2:2", "E106")]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: &x 1\nb: *x", [(":1:4", "E108"), (":2:4", "E108")]),
        ("a: &x [1]", [(":1:4", "E108")]),
        ("a: !!python/object:os.system x", [(":1:4", "E108")]),
        ("!foo {a: 1}", [(":1:1", "E108")]),
        ("a: 1\n---\nb: 2", [(":2:1", "E108")]),
        ("? [a]\n: b", [(":1:3", "E108")]),
    ],
)
def test_clever_yaml_is_refused(write, text, where):
    assert refusals(write("a.yaml", text)) == where


@pytest.mark.parametrize("text", ["a: [1, 2\nb: 3", "a: b: c", "\tx: 1", "a: 'x", "@x", "a: *x y"])
def test_what_is_not_yaml_is_refused_with_its_line(write, text):
    assert [code for _, code in refusals(write("a.yaml", text))][-1] in ("E105", "E108")


def test_a_control_character_is_refused_with_its_place(write):
    assert refusals(write("a.yaml", "a: b\nc: \x07")) == [(":2:4", "E105")]


@pytest.mark.parametrize("opening", ["[", "- ", '{"a":'])
def test_a_hundred_thousand_brackets_are_refused_at_once(write, opening):
    assert refusals(write("a.yaml", opening * (250_000 // len(opening))))[-1][1] == "E108"


def test_a_hundred_thousand_brackets_in_json_are_refused_at_once(write):
    assert refusals(write("a.json", "[" * 200_000)) == [(":1:22", "E108")]


def test_twenty_levels_are_allowed(write):
    assert read_document(write("a.yaml", "[" * 20 + "]" * 20)).content


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", "1e999", "1" * 5000])
def test_what_json_does_not_call_a_number_is_refused(write, text):
    assert refusals(write("a.json", text))[0][1] == "E105"


@pytest.mark.parametrize(
    "text", ['{"a" 1}', "{'a': 1}", '{"a": 1,}', "[1,]", "[1 2]", '{"a": 1} x', '"a', "{", "[1,", "{1: 2}"]
)
def test_what_is_not_json_is_refused(write, text):
    assert [code for _, code in refusals(write("a.json", text))] == ["E105"]


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_half_a_surrogate_pair_is_refused(write, name):
    assert refusals(write(name, '{"a": "\\ud83d"}')) == [(":1:7", "E109")]


@pytest.mark.parametrize("content", ["", "  \n", "\ufeff"])
def test_an_empty_file_is_refused(write, content):
    assert refusals(write("a.yaml", content)) == [("", "E105")]


def test_a_file_of_comments_says_nothing(write):
    assert refusals(write("a.yaml", "# nothing")) == [(":1:1", "E105")]


def test_another_encoding_is_refused(write):
    assert refusals(write("a.yaml", "a: 中文".encode("gb18030"))) == [(":1:4", "E105")]


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a mark"])
def test_what_is_not_utf_8_has_its_place_in_characters(write, mark):
    content = f"{mark}a: 1\nb: 中文".encode() + b"\xff\n"
    assert refusals(write("a.yaml", content)) == [(":2:6", "E105")]


def test_a_file_over_256_kb_is_refused(write):
    assert refusals(write("a.yaml", "a: " + "x" * 262_144)) == [("", "E108")]


def test_an_absent_file_is_refused_with_its_name(tmp_path):
    assert refusals(tmp_path / "absent.yaml") == [("", "E105")]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000])
def test_a_number_too_large_to_hold_is_refused(write, number):
    assert refusals(write("a.yaml", f"a: {number}")) == [(":1:4", "E104")]


@pytest.mark.parametrize("escape", ["00110000", "FFFFFFFF"])
def test_an_escape_for_no_character_is_refused_with_its_place(write, escape):
    """An escape in YAML that stands for no Unicode character is refused with line and column."""
    assert refusals(write("a.yaml", f'a: b\nc: "x\\U{escape}"')) == [(":2:6", "E105")]


YAML_LIKE = st.text(st.sampled_from("{}[]:,-?!&*|>%@\"'#\n \tab1.\\Ux0\x85\u4e2d"), max_size=40)
JSON_LIKE = st.text(st.sampled_from('{}[]:,"\n \\udb8e+-.019truefalsn'), max_size=40)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(YAML_LIKE, JSON_LIKE, st.text(st.characters(exclude_categories=["Cs"]))))
@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_any_text_is_read_or_refused(write, name, text):
    path = write(name, text)
    with suppress(ContentError):
        document = read_document(path)
        assert document.values.keys() >= document.keys.keys()


def test_a_folded_text_is_one_line_without_anything_added(write):
    assert read_document(write("text.yaml", "a: >-\n  one\n  two\n")).content == {"a": "one two"}
