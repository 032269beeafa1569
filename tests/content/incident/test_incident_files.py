import json
import re

import pytest

from amends.content.file.document import read_document
from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.domain.base.errors import ContentError


def findings(path):
    with pytest.raises(ContentError) as caught:
        read_incident(path)
    return [(finding.where.removeprefix(f"{path}:"), str(finding.code)) for finding in caught.value.findings]


def test_an_incident_file_becomes_an_incident(incident):
    assert read_incident(incident()).organisation.name["zh-CN"] == "示例公司"


def test_the_same_incident_can_be_written_in_json(incident, write):
    path = incident()
    twin = write("incident.json", json.dumps(read_document(path).content))
    assert read_incident(twin) == read_incident(path)


def test_the_example_that_comes_with_amends_is_good():
    assert read_incident(library() / "examples" / "stolen-terminals" / "incident.yaml").id == "stolen-terminals"


def test_norway_is_not_false(incident):
    assert read_incident(incident("established_in: CN", "established_in: NO")).organisation.established_in == "NO"


def test_a_private_use_character_is_refused_with_its_place(incident):
    """A private-use character in an incident file is refused with its place, because slots in texts are marked with
    such characters.
    """
    assert findings(incident("We have locked it.", '"We have \ue000name\ue001 it."')) == [("13:17", "E109")]


def test_a_control_character_in_json_is_refused(incident, write):
    content = read_document(incident()).content
    content["texts"]["en"]["what_we_do"] = "bell\x07"
    path = write("incident.json", json.dumps(content, indent=1))
    assert [code for _, code in findings(path)] == ["E109"]


def test_newlines_and_tabs_are_no_odd_characters_in_a_story(incident):
    path = incident("what_we_do: We have locked it.", 'what_we_do: "one\\n\\n\\ttwo"')
    assert read_incident(path).texts["en"].what_we_do == "one\n\n\ttwo"


@pytest.mark.parametrize("title", ['"two\\nlines"', "a =?utf-8?q?word?="])
def test_a_title_that_could_become_a_header_is_refused(incident, title):
    assert findings(incident("title: A lost laptop", f"title: {title}")) == [("2:8", "E109")]


def test_odd_characters_are_reported_with_the_other_errors(incident):
    path = incident("title: A lost laptop", 'titel: "A\ue000"')
    assert findings(path) == [("2:8", "E109"), ("1:1", "E103"), ("2:1", "E101")]


def test_a_missing_translation_names_field_and_locale(incident):
    path = incident("name: {en: Example Ltd, zh-CN: 示例公司}", "name: {en: Example Ltd}")
    with pytest.raises(ContentError, match=r"organisation\.name says nothing for zh-CN"):
        read_incident(path)


def test_a_text_in_the_language_serves_all_its_locales(incident):
    assert read_incident(incident("{en: Example Ltd, zh-CN: 示例公司}", "{en: Example Ltd, zh: 示例公司}"))


def test_one_text_for_all_locales_is_complete(incident):
    assert read_incident(incident("name: {en: Example Ltd, zh-CN: 示例公司}", "name: Example Ltd"))


def test_contact_details_are_written_in_every_locale_or_in_none(incident):
    phone = "phone: +86 571 5550 0142}"
    assert findings(incident(phone, phone[:-1] + ", hours: {zh-CN: 每天}}")) == [("7:72", "E110")]


def test_news_is_written_in_every_locale(incident):
    path = incident(more="news:\n  - {at: 2026-11-20T08:00:00Z, text: {en: Found.}}\n")
    assert findings(path) == [("20:38", "E110")]


def test_misuse_with_a_safe_key_contradicts_and_names_each_place(incident):
    """An incident file that says that encrypted data was misused although the key is safe is refused as a
    contradiction, with the places of all three facts.
    """
    path = incident(more="facts:\n  encrypted_at_rest: true\n  encryption_key_safe: true\n  misuse_observed: true\n")
    with pytest.raises(ContentError) as caught:
        read_incident(path)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where, f"{path}:20:22" in finding.advice, f"{path}:21:24" in finding.advice) == (
        "E111",
        f"{path}:22:20",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        ("{exfiltration: no, exfiltration_evidence: published}", "19:50"),
        ("{restored: full, permanent_loss: true}", "19:41"),
        ("{cause: external_attack, malicious: false}", "19:44"),
    ],
)
def test_what_cannot_both_be_true_is_a_contradiction(incident, facts, place):
    assert findings(incident(more=f"facts: {facts}\n")) == [(place, "E111")]


def test_suspected_misuse_is_no_contradiction(incident):
    suspected = "{value: true, certainty: suspected}"
    facts = f"facts: {{encrypted_at_rest: true, encryption_key_safe: true, misuse_observed: {suspected}}}\n"
    assert read_incident(incident(more=facts))


@pytest.mark.parametrize("phone", ["call us", "@me", "12"])
def test_a_contact_phone_that_is_none_is_refused(incident, phone):
    assert findings(incident("+86 571 5550 0142", f"'{phone}'"))[0][1] == "E104"


@pytest.mark.parametrize("phone", ["+86 5", "+999 12345678", "+49 30 5550100 5550100 5550100", "+1 555"])
def test_a_number_with_a_country_code_has_the_length_of_its_plan(incident, phone):
    assert findings(incident("+86 571 5550 0142", f"'{phone}'")) == [("7:46", "E104")]


@pytest.mark.parametrize(
    "email",
    [
        "care@example",
        "care@exa mple.org",
        "care,press@example.org",
        "care@example..org",
        "a@b@example.org",
        "care@localhost",
        "Care <care@example.org>",
        "care@-example.org",
        "care@exаmple.org",
        "关怀@example.org",
    ],
)
def test_a_contact_address_to_which_nobody_can_write_is_refused(incident, email):
    assert findings(incident("care@example.org", f"'{email}'")) == [("7:21", "E104")]


@pytest.mark.parametrize("phone", ["+86 571 5550 0142", "(0571) 5550-0142 ext. 12", "95599", "0571-55500142 转 3"])
def test_a_contact_phone_is_checked_loosely(incident, phone):
    assert read_incident(incident("+86 571 5550 0142", f"'{phone}'"))


@pytest.mark.parametrize(
    ("times", "place"),
    [
        ("{occurred: {from: 2026-11-21T08:00:00Z, to: 2026-11-20T08:00:00Z}}", "19:19"),
        ("{occurred: {from: 2026-11-21T08:00:00Z}, discovered: 2026-11-20T08:00:00Z}", "19:8"),
        ("{occurred: {from: 2026-11-21T08:00:00Z}, contained: 2026-11-20T08:00:00Z}", "19:8"),
    ],
)
def test_times_that_cannot_follow_each_other_are_refused(incident, times, place):
    assert findings(incident(more=f"times: {times}\n")) == [(place, "E107")]


def test_a_day_that_does_not_exist_is_refused(incident):
    assert findings(incident(more="times: {aware: 2026-02-30T08:00:00Z}\n")) == [("19:16", "E104")]


def test_a_story_may_leave_out_what_the_locale_advises_already(incident):
    assert read_incident(incident("what_we_do: We", "what_you_can_do: ''\n    what_we_do: We"))


def test_a_residence_in_an_unknown_country_is_refused(incident):
    """A country that does not exist is refused among the residences, because no law and no deadline would be found for
    it.
    """
    assert findings(incident(more="residences: {GB: 3, UK: 3}\n")) == [("19:21", "E102")]


@pytest.mark.parametrize("seat", ["DE-BE", "US-CA", "CA-QC"])
def test_an_organisation_may_sit_in_a_part_of_a_country(incident, seat):
    given = incident("established_in: CN", f"established_in: {seat}")
    assert read_incident(given).organisation.established_in == seat


@pytest.mark.parametrize("seat", ["DE-ZZ", "US-XX", "DE-BERLIN"])
def test_a_part_of_a_country_that_is_none_is_a_finding(incident, seat):
    ((where, _),) = findings(incident("established_in: CN", f"established_in: {seat}"))
    assert where == "5:19"


def test_an_organisation_is_established_in_a_country_that_exists(incident):
    assert findings(incident("established_in: CN", "established_in: XX")) == [("5:19", "E102")]


def test_a_ruling_on_a_duty_that_does_not_exist_names_the_near_one(incident):
    ruling = "rulings:\n  us-wa.individual: {applies: false, reason: no resident, by: Counsel}\n"
    with pytest.raises(ContentError, match=r"did you mean 'us-wa\.individuals'"):
        read_incident(incident(more=ruling))


def test_a_state_that_does_not_exist_is_refused(incident):
    with pytest.raises(ContentError, match="'US-XX' is no state or province"):
        read_incident(incident(more="residences: {US-XX: 3}\n"))


def test_an_event_before_it_happened_is_refused_with_its_name(incident):
    times = "times: {occurred: {from: 2026-11-20T00:00:00Z}, aware: 2026-11-19T00:00:00Z}\n"
    with pytest.raises(ContentError, match=r"times\.aware is before times\.occurred\.from"):
        read_incident(incident(more=times))


@pytest.mark.parametrize("name", ["restore_hours", "exposure_days"])
def test_a_length_of_time_is_not_below_nothing(incident, name):
    with pytest.raises(ContentError, match="at least 0 is expected"):
        read_incident(incident(more=f"facts: {{{name}: -1}}\n"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("times: {events: [aware]}\n", "E10"),
        (
            "times: {events: {awrae: 2026-11-20T00:00:00Z}}\n",
            "no clock event is called 'awrae' (did you mean 'aware'?)",
        ),
        (
            "times: {events: {aware: 2026-11-20T00:00:00Z}, aware: 2026-11-21T00:00:00Z}\n",
            "aware stands here and under events",
        ),
        ("times: {aware: 5}\n", "write a date and a time with its zone"),
        ("times: {aware: 9999-12-31T23:00:00Z}\n", "between the years"),
        ("residences: {DE: -1}\n", "-1 is no number of people"),
        ("facts: {people: 5}\nresidences: {DE: 500}\n", "more people than facts.people: 5"),
        ("facts: {breach_types: []}\n", "of no kind"),
        (
            "facts: {encrypted_at_rest: false, encryption_key_safe: true}\n",
            "nothing was encrypted, yet the key is safe",
        ),
        ("facts: {exfiltration: no, misuse_observed: true}\n", "nothing was taken, yet it was misused"),
        (
            "facts: {recipient: {kind: attacker_ciphertext_only}, encrypted_at_rest: false}\n",
            "nothing but ciphertext, yet it was not encrypted",
        ),
        ("rulings: {us-wa.individuals@FRR: {applies: true, reason: because, by: Counsel}}\n", "no duty is called"),
    ],
)
def test_what_cannot_be_meant_is_named(incident, more, said):
    with pytest.raises(ContentError) as caught:
        read_incident(incident(more=more))
    assert any(said in str(finding) for finding in caught.value.findings)
    assert all(re.search(r"incident\.yaml:\d+:\d+$", finding.where) for finding in caught.value.findings)


INCIDENT_LINES = 18
"""The lines of the incident file of these tests, before what a test adds."""
NEWS = "news:\n  - at: 2026-11-22T08:00+08:00\n    text: Two of the three were found.\n"
PROMISE = (
    "commitments:\n  - id: doors\n    kind: other\n    owner: Facilities\n    due: 7d\n    promise: {en: a, zh-CN: b}\n"
)


@pytest.mark.parametrize(
    ("more", "place", "code", "says"),
    [
        ("states:\n  what_happened: [cause, peple]\n", "2:26", "E102", "Did you mean 'people'?"),
        ("states:\n  what_hapened: [cause]\n", "2:3", "E101", "'what_hapened' is not a known key"),
        (f"{NEWS}    states: [people, caus]\n", "4:22", "E102", "Did you mean 'cause'?"),
        (f"{NEWS}    state: [people]\n", "4:5", "E101", "Did you mean 'states'?"),
        (PROMISE.replace("    owner: Facilities\n", ""), "2:5", "E103", "'owner' is missing"),
        (PROMISE.replace("    due: 7d\n", ""), "2:5", "E103", "'due' is missing"),
        (PROMISE.replace("7d", "soon"), "5:10", "E104", "due"),
        (PROMISE.replace(", zh-CN: b", ""), "6:14", "E110", "says nothing for zh-CN"),
    ],
)
def test_what_the_record_of_told_cannot_use_has_a_place(incident, more, place, code, says):
    """What texts state and what is promised is refused with its line when nobody could ever be told of it."""
    path = incident(more=more)
    with pytest.raises(ContentError) as caught:
        read_incident(path)
    (finding,) = caught.value.findings
    line, _, column = place.partition(":")
    assert finding.where == f"{path}:{INCIDENT_LINES + int(line)}:{column}"
    assert (finding.code, says in f"{finding.what} {finding.advice}") == (code, True), str(finding)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ("facts: {people: 1000000000000000000000000000000}", "19:17"),
        ("facts: {people: {min: 1, max: 1000000000000000000000000000000}}", "19:31"),
        ("facts: {recipient: {kind: public, count: 1000000000000}}", "19:42"),
        ("facts: {exposure_days: 1e300}", "19:24"),
        ("facts: {restore_hours: -1}", "19:24"),
        ("facts: {malicious: yes}", "19:20"),
        ('facts: {malicious: "true"}', "19:20"),
        ("facts: {malicious: 1}", "19:20"),
        ('facts: {malicious: {value: "yes", certainty: suspected}}', "19:28"),
        ("facts: {recipient: {kind: public, trusted: 'no'}}", "19:44"),
        ("facts: {data_categories: [contact, null]}", "19:36"),
        ("facts: {data_categories: [contact, ]}", ""),
        ("facts: {data_categories: {value: [~], certainty: suspected}}", "19:35"),
        ("facts: {breach_types: [null]}", "19:24"),
        ("facts: {mitigations: [null]}", "19:23"),
        ("facts: {malicious: {value: true, certainty: confirmed, at: 2126-01-01T00:00:00Z}}", "19:60"),
        ("times: {aware: 2126-11-20T08:00:00Z}", "19:16"),
        ("times: {aware: 1989-11-20T08:00:00Z}", "19:16"),
        ("times: {occurred: 1970-01-01}", "19:19"),
        ("times: {contained: 2200-01-01T00:00:00Z}", "19:20"),
        ("rulings: {x: {applies: 'yes', reason: because, by: us}}", "19:24"),
        ("commitments: [null]", "19:15"),
        ("commitments: [{id: a, kind: other, promise: We care., owner: us, due: 0d}]", "19:71"),
        ("residences: {DE: 100000000000}", "19:18"),
        ("news: [{at: 2126-01-01T00:00:00Z, text: News.}]", "19:13"),
    ],
)
def test_a_value_that_nobody_can_mean_is_refused(incident, more, place):
    """Numbers beyond mankind, years that are typing errors, words for truth values and empty items have findings."""
    path = incident(more=f"{more}\n")
    assert [where for where, _ in findings(path)] == [place] if place else read_incident(path)
