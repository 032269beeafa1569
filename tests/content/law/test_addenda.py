import pytest

from amends.content.law.addenda import read_addenda
from amends.content.notice import read_wording
from amends.domain.base.errors import ContentError

LETTERS = """\
items:
  nature: {says: What happened, codes: [nature, facts]}
  freeze: {says: How to freeze a credit file, codes: [freeze_howto]}
whole: [first-notice]
addenda:
  - id: us
    places: [US, PR]
    adds: [freeze]
  - id: us-ma
    places: [US-MA]
    leaves_out: [nature]
"""


@pytest.fixture
def letters(write):
    """A file of letters, with one part replaced."""

    def with_(old="", new=""):
        assert old in LETTERS
        return write("addenda.yaml", LETTERS.replace(old, new, 1))

    return with_


def findings(path, read=read_addenda):
    with pytest.raises(ContentError) as caught:
        read(path)
    return [(finding.where.split("/")[-1], str(finding.code)) for finding in caught.value.findings]


def test_a_file_becomes_letters(letters):
    read = read_addenda(letters())
    assert read.addendum_for("US", "MA") == "us-ma"
    assert read.item_of("facts") == "nature"


def test_an_unknown_item_names_its_place_and_the_nearest_one(letters):
    with pytest.raises(ContentError) as caught:
        read_addenda(letters("adds: [freeze]", "adds: [freze]"))
    (finding,) = caught.value.findings
    assert (finding.where.split("/")[-1], finding.code) == ("addenda.yaml:8:12", "E102")
    assert finding.advice.startswith("Did you mean 'freeze'?")


def test_an_unknown_item_that_is_left_out_is_found_too(letters):
    assert findings(letters("leaves_out: [nature]", "leaves_out: [natur]")) == [("addenda.yaml:11:18", "E102")]


@pytest.mark.parametrize("place", ["US-XX", "XX", "ZZ-MA"])
def test_a_place_that_does_not_exist_is_found(letters, place):
    assert findings(letters("US-MA", place)) == [("addenda.yaml:10:14", "E102")]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("[US-MA]", "[US-MA, US]", "addenda.yaml:10:21"),
        ("[freeze_howto]", "[freeze_howto, facts]", "addenda.yaml:3:69"),
        ("id: us-ma", "id: us", "addenda.yaml:9:9"),
    ],
)
def test_what_may_stand_once_is_placed_where_it_stands_again(letters, old, new, where):
    assert findings(letters(old, new)) == [(where, "E107")]


def test_an_unknown_key_is_found(letters):
    assert findings(letters("leaves_out:", "leaves:")) == [("addenda.yaml:11:5", "E101")]


def test_all_findings_come_at_once(letters):
    path = letters("adds: [freeze]", "adds: [freze]\n    leave_out: []")
    assert sorted(findings(path)) == [("addenda.yaml:8:12", "E102"), ("addenda.yaml:9:5", "E101")]


def test_words_without_letters_know_only_the_general_one(tmp_path):
    assert read_wording(tmp_path).addenda.addenda == ()


def test_letters_belong_to_the_words(letters):
    assert [letter.id for letter in read_wording(letters().parent).addenda.addenda] == ["us", "us-ma"]


@pytest.mark.parametrize(
    "asks", ['{{ item("natre") }}', '{% if addendum.says("natre") %}x{% endif %}', '{{ item("freeze", "natre") }}']
)
def test_a_template_that_names_an_unknown_item_is_found_with_its_line(letters, write, asks):
    letters()
    path = write("notices/update/en.email.md", f"one\n{asks}\n")
    assert findings(path.parents[2], read_wording) == [("en.email.md:2:1", "E102")]


def test_wrong_letters_do_not_make_the_items_of_templates_wrong(letters, write):
    path = write("notices/update/en.email.md", '{{ item("nature") }}x')
    letters("US-MA", "US-XX")
    assert findings(path.parents[2], read_wording) == [("addenda.yaml:10:14", "E102")]
