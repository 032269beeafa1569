"""The shipped table of duties: all of it is there, it fits together, and it says itself what nobody has checked."""

import re
import shutil
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from amends.content.file.regions import CODES
from amends.content.file.shipped import library
from amends.content.law.addenda import read_addenda
from amends.content.law.regimes import read_duties
from amends.domain.base.errors import ContentError
from amends.domain.incident.incident import CLOCK_EVENTS
from amends.domain.law.applicability import Law, duties_of
from amends.domain.law.condition import PeopleRange
from amends.domain.law.duty import Addressee, DutyStanding
from amends.domain.law.means import ChannelRule
from amends.domain.law.regime import DutyRow, Regime
from amends.domain.risk.levels import Risk
from tests.builders import NOW, an_audience, an_incident

FOLDER = library() / "duties"
TABLE = read_duties()
STAND_INS = (TABLE.unknown_place, *TABLE.unknown_state.values())
ROWS = [(regime, row) for regime in TABLE.all_regimes() for row in regime.duties]
PARTS = sorted(path for path in FOLDER.glob("*.yaml") if path.name not in ("clock-events.yaml", "recipients.yaml"))
DOCS = Path(__file__).parents[3] / "docs" / "duties.md"
EVERYWHERE = sorted({place for regime in TABLE.regimes for place in regime.places} | {"AR", "US-GU"})
MONDAY = datetime(2026, 10, 19, 9, tzinfo=UTC)
"""Of a week after which no holiday is near."""


def weekdays(place: str, day: date) -> bool:
    return day.weekday() < 5


def ruled(homes, risk=Risk.HIGH, **changes):
    people = sum(homes.values())
    audience = an_audience(people=people, by_place=homes)
    return duties_of(an_incident(**changes), audience, risk, PeopleRange(0, people), Law(TABLE, weekdays), NOW)


def of(found, identity):
    (duty,) = (duty for duty in found.duties if duty.id.split("@")[0] == identity)
    return duty


# What is there


def test_the_whole_table_is_there():
    assert len(TABLE.regimes) == 111
    assert sum(len(regime.duties) for regime in TABLE.regimes) == 301
    assert TABLE.clock_events.keys() == CLOCK_EVENTS and len(TABLE.clock_events) == 44


@pytest.mark.parametrize("regime", TABLE.all_regimes(), ids=lambda regime: regime.id)
def test_every_regime_states_its_source_and_its_confidence(regime):
    """Every regime of the shipped table has a law, a citation, a source and a confidence; a regime written from memory
    is not called verified without a note.
    """
    assert regime.law and regime.citation and regime.source and regime.confidence
    from_memory = "written from memory" in regime.source
    assert not (from_memory and regime.confidence.verified and not regime.confidence_note)


def test_marks_of_the_compilers_are_notes_now():
    assert not [path.name for path in PARTS if re.search(r"\[memory|author memory", path.read_text())]


def test_stand_ins_say_what_they_stand_for_and_no_other_row_does():
    assert all(regime.stands_for and not regime.confidence.verified for regime in STAND_INS)
    assert not [regime.id for regime in TABLE.regimes if regime.stands_for]


def test_every_place_has_a_name_and_all_states_of_the_union_have_one():
    used = {place for regime in TABLE.all_regimes() for place in regime.places}
    states = {f"{country}-{code}" for country, codes in CODES.items() for code in codes.values()}
    assert not (used | states) - TABLE.place_names.keys()


def test_the_union_is_the_thirty_states_of_the_eea():
    sizes = {len(regime.places) for regime in TABLE.regimes if regime.id.startswith("eu-")}
    assert sizes == {30}


def test_what_a_letter_must_leave_out_is_an_item_of_letters():
    items = read_addenda(library() / "addenda.yaml").items
    named = {forbidden.item for regime in TABLE.all_regimes() for forbidden in regime.must_not if forbidden.item}
    assert named == {"nature", "people_count"} and named <= items.keys()


def test_some_message_counts_wherever_channels_are_named():
    """Every row to people that names its channels is met by some message to whoever has consented to email."""
    rows = [(f"{regime.id}.{row.id}", row.channels) for regime, row in ROWS if row.channels]
    rules = (ChannelRule(duty=name, places=("US-CA",), means=means) for name, means in rows)
    assert len(rows) > 10 and [rule.duty for rule in rules if not rule.channels(consented=True)] == []


def test_where_no_channel_is_named_every_message_counts():
    """Of the laws that bind in Germany and mainland China none keeps an email or an SMS from counting."""
    found = ruled({"DE": 1, "CN": 1, "US-CA": 1})
    assert {place for duty in found.duties if duty.channel_rule for place in duty.places} == {"US", "US-CA"}


# What nobody has checked


def unchecked() -> str:
    """The table that docs/duties.md must have."""
    rows = sorted(
        (regime for regime in TABLE.all_regimes() if not regime.confidence.verified),
        key=lambda all_regime: all_regime.id,
    )
    lines = (f"| `{row.id}` | {row.law} | {_where(row)} | {row.confidence} |" for row in rows)
    return "\n".join(("| id | law | where | confidence |", "|---|---|---|---|", *lines))


def _where(regime: Regime) -> str:
    return "the EEA" if len(regime.places) > 1 else TABLE.place_names[regime.places[0]]


def test_the_docs_list_what_nobody_has_checked():
    assert unchecked() in DOCS.read_text(), f"put this into docs/duties.md:\n{unchecked()}"


def test_the_docs_give_the_numbers():
    good = sum(regime.confidence.verified for regime in TABLE.regimes)
    said = f"{good} of the {len(TABLE.regimes)} regimes were checked"
    assert said in " ".join(DOCS.read_text().split()), f"docs/duties.md must say: {said}"


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_the_head_of_each_file_repeats_no_id(path):
    """Each id stands once in the files of duties: `confidence` of its row says whether somebody has checked it."""
    head, body = path.read_text().split("\nregimes:\n")
    ids = re.findall(r"^ +- id: (\S+-\S+)$", body, re.MULTILINE)
    assert "not legal advice" in head and ids and not [one for one in ids if re.search(rf"\b{one}\b", head)]


def test_reviews_are_spread_over_the_year_the_unchecked_first():
    """No month has more than a seventh of the rows to review; rows that nobody has checked come before the others."""
    months = Counter(regime.review_due.strftime("%Y-%m") for regime in TABLE.all_regimes())
    assert len(months) > 10 and max(months.values()) <= len(TABLE.all_regimes()) / 7
    unread = {regime.review_due for regime in TABLE.all_regimes() if not regime.confidence.verified}
    assert max(unread) <= min(regime.review_due for regime in TABLE.all_regimes() if regime.confidence.verified)


# Clocks and questions


@pytest.mark.parametrize("name", sorted(TABLE.clock_events))
def test_every_clock_asks_one_person_a_plain_question(name):
    clock = TABLE.clock_events[name]
    assert "?" in clock.ask and len(clock.ask) <= 130
    assert not clock.means.endswith(".") and clock.means[0].islower()


@pytest.mark.parametrize("name", sorted(TABLE.clock_events))
def test_no_event_both_is_another_and_must_come_after_it(name):
    clock = TABLE.clock_events[name]
    assert not set(clock.met_by) & set(clock.not_before)
    assert name not in (*clock.met_by, *clock.not_before)
    assert not [one for one in clock.not_before if TABLE.clock_events[one].ours]


def test_what_must_come_first_never_comes_first_the_other_way_round():
    pairs = {(name, one) for name, clock in TABLE.clock_events.items() for one in clock.not_before}
    assert not [pair for pair in pairs if pair[::-1] in pairs]


def test_steps_of_our_own_are_those_that_nobody_else_takes():
    assert {name for name, clock in TABLE.clock_events.items() if clock.ours} == {
        "agencies_named",
        "handling_finished",
        "hhs_notified",
        "incident_notification_submitted",
        "individuals_notified",
        "initial_notification_submitted",
        "intermediate_report_submitted",
        "ordered_by_commissioner",
        "pdpc_notified",
        "ransom_paid",
        "statement_prepared",
    }


def test_what_a_person_must_judge_is_put_so_that_a_question_mark_fits():
    assert not [row.id for _, row in ROWS if row.ask.endswith(("?", "."))]


def test_a_clock_that_waits_for_a_filing_is_started_by_one():
    started = {row.sets for _, row in ROWS}
    waited_for = {row.of for _, row in ROWS if row.of.endswith(("_submitted", "_prepared", "pdpc_notified"))}
    assert waited_for <= started


# What the table makes of an incident


def test_what_nobody_knows_sets_no_duty_aside():
    organisation = {**an_incident().organisation.model_dump(), "sector": None, "role": None, "regulated": None}
    found = ruled(dict.fromkeys(EVERYWHERE, 2_000_000), organisation=organisation, facts={}, times={})
    begins_later = {
        f"{regime.id}.{row.id}" for regime, row in ROWS if regime.binds_from and regime.binds_from > NOW.date()
    }
    assert {one.id for one in found.set_aside} == {"us-hipaa.hhs_under_500"} | begins_later


@pytest.mark.parametrize("place", EVERYWHERE)
def test_wherever_people_live_somebody_must_be_told(place):
    found = ruled({place: 5000})
    assert [duty for duty in found.duties if place in duty.places or place[:2] in duty.places]


def test_maryland_and_new_jersey_hear_before_their_people():
    found = ruled({"US-MD": 10, "US-NJ": 10})
    assert of(found, "us-md.attorney_general").before == ("us-md.individuals",)
    assert of(found, "us-nj.state_police").before == ("us-nj.individuals",)


def test_the_market_hears_before_anybody_at_all():
    organisation = {**an_incident().organisation.model_dump(), "regulated": ["us_listed"]}
    found = ruled({"US-CA": 10, "FR": 10, "CN": 10}, organisation=organisation)
    people = {duty.id for duty in found.duties if duty.addressee is Addressee.PEOPLE}
    assert set(of(found, "us-sec-8k.investors_sec").before) == people
    assert {"us-ca.individuals", "eu-gdpr-34.data_subjects", "cn-pipl-57.individuals"} <= people


def test_one_authority_leads_for_whoever_sits_in_the_union():
    ids = {duty.id for duty in ruled({"FR": 10, "PL": 10}).duties}
    assert {id_ for id_ in ids if "supervisory" in id_} == {"eu-gdpr-33.supervisory_authority@DE"}


def test_unreadable_data_exempts_in_california_not_in_china():
    """When data is encrypted and the key is safe, the duty to people is exempt in California, while in China it applies
    until a person decides.
    """
    safe = {**an_incident().facts.model_dump(), "encrypted_at_rest": True, "encryption_key_safe": True}
    found = ruled({"US-CA": 10, "CN": 10}, facts=safe)
    assert of(found, "us-ca.individuals").standing is DutyStanding.EXEMPT
    assert of(found, "cn-pipl-57.individuals").standing is DutyStanding.APPLIES


def test_a_letter_to_massachusetts_leaves_out_what_its_law_forbids():
    found = ruled({"US-MA": 10, "US-CA": 10})
    assert of(found, "us-ma.individuals").leaves_out == ("nature", "people_count")
    assert of(found, "us-ma.attorney_general").leaves_out == ()
    assert of(found, "us-ca.individuals").leaves_out == ()


def test_a_small_theft_goes_to_the_cac_only_if_a_person_says_so():
    """In China, the duty to report to the provincial cyberspace office asks a person whether the direct loss is large
    when fewer than a million people are affected. With a million people the number is enough, and only the kind of
    organisation stays open.
    """
    (duty,) = (one for one in ruled({"CN": 999_999}).duties if one.id == "cn-incident-reporting-2025.provincial_cac")
    assert duty.standing == "may_apply" and "direct loss" in duty.asks[0]
    assert of(ruled({"CN": 1_000_000}), "cn-incident-reporting-2025.provincial_cac").standing is DutyStanding.MAY_APPLY


def test_puerto_rico_goes_by_two_codes_and_has_one_law():
    assert {duty.id for duty in ruled({"PR": 10}).duties} == {duty.id for duty in ruled({"US-PR": 10}).duties}


@pytest.mark.parametrize("word", ["processor", "business_associate", "vendor", "maintainer"])
def test_whoever_keeps_data_for_another_tells_them_by_whatever_name(word):
    organisation = {**an_incident().organisation.model_dump(), "role": word, "regulated": ["hipaa_business_associate"]}
    found = ruled({"FR": 10, "US-MD": 10, "US-OR": 10, "US-GU": 10}, organisation=organisation)
    told = {duty.id.split("@")[0] for duty in found.duties if duty.addressee is Addressee.PARTNER}
    assert told == {
        "eu-gdpr-33.controller",
        "us-hipaa.covered_entity",
        "us-md.data_owner",
        "us-or.covered_entity",
        "us-unknown-state.data_owner",
    }


# Places

US_STATES = sorted({f"US-{code}" for code in CODES["US"].values()} - {"US-AS", "US-GU", "US-MP", "US-VI"})


def test_every_state_of_the_us_has_a_law_of_its_own():
    assert len(US_STATES) == 52
    assert set(US_STATES) <= {place for regime in TABLE.regimes for place in regime.places}


def test_nobody_in_the_us_is_a_data_protection_authority():
    found = ruled(dict.fromkeys(US_STATES, 2_000_000))
    names = [duty.recipient_name for duty in found.duties if duty.places[0].startswith("US")]
    assert len(names) > 100 and not [name for name in names if "data protection" in name.lower()]


@pytest.mark.parametrize("land", [place for place in TABLE.place_names if place.startswith("DE-")])
def test_every_land_of_germany_names_its_authority(land):
    organisation = {**an_incident().organisation.model_dump(), "established_in": land}
    duty = of(
        ruled({"DE": 10, "FR": 10, "IT": 10, "ES": 10}, organisation=organisation), "eu-gdpr-33.supervisory_authority"
    )
    assert duty.id.endswith("@DE") and TABLE.place_names[land] in duty.recipient_name
    assert duty.contact.startswith("https://")
    assert all(body in duty.note for body in ("CNIL", "Garante", "AEPD"))


def test_the_sixteen_laender_are_there():
    assert len([place for place in TABLE.place_names if place.startswith("DE-")]) == 16


def with_data(*kinds):
    return {**an_incident().facts.model_dump(), "data_categories": list(kinds)}


@pytest.mark.parametrize(
    ("place", "data", "standing"),
    [
        ("US-WV", "ssn", "applies"),
        ("US-WV", "passport", None),
        ("US-WV", "national_id", "may_apply"),
        ("US-WV", "card_with_code", "applies"),
        ("US-WV", "card_number", "may_apply"),
        ("US-WV", "diagnosis", None),
        ("US-MA", "card_number", "applies"),
        ("US-AL", "passport", "applies"),
        ("US-NY", "diagnosis", "applies"),
        ("US-ND", "birth_date", "applies"),
        ("US-NV", "health", "may_apply"),
        ("US-NV", "health_insurance_number", "applies"),
        ("US-WI", "genetic", "applies"),
        ("US-CA", "email_address", None),
        ("US-CA", "security_answers", "applies"),
    ],
)
def test_states_count_the_elements_that_their_laws_name(place, data, standing):
    """A named element decides: an element that the law names applies, a class that may hold it may, others do not."""
    found = ruled({place: 10}, facts=with_data(data))
    state = place.lower()
    assert [duty.standing for duty in found.duties if duty.id == f"{state}.individuals"] == (
        [standing] if standing else []
    )


def test_new_york_hears_within_5_days_of_the_health_department():
    """A covered entity tells New York's attorney general within five business days of telling HHS, whatever the data."""
    organisation = {**an_incident().organisation.model_dump(), "regulated": ["hipaa_covered_entity"]}
    found = ruled({"US-NY": 10}, organisation=organisation, facts=with_data("email_address"))
    assert of(found, "us-ny-hipaa.attorney_general").waits
    told = {"discovered": "2026-10-01T00:00:00Z", "hhs_notified": "2026-10-19T12:00:00Z"}
    duty = of(ruled({"US-NY": 10}, organisation=organisation, times=told), "us-ny-hipaa.attorney_general")
    assert duty.due_at == datetime(2026, 10, 27, 3, 59, tzinfo=UTC)
    assert "us-ny.individuals" in {one.id for one in found.set_aside}


def test_illinois_hears_within_5_days_of_the_health_department():
    """A covered entity tells the attorney general of Illinois within five business days of telling HHS, however few
    people are affected; others tell for more than 500 people.
    """
    organisation = {**an_incident().organisation.model_dump(), "regulated": ["hipaa_covered_entity"]}
    told = {"discovered": "2026-10-01T00:00:00Z", "hhs_notified": "2026-10-19T12:00:00Z"}
    found = ruled({"US-IL": 10}, organisation=organisation, times=told)
    assert of(found, "us-il-hipaa.attorney_general").due_at == datetime(2026, 10, 27, 4, 59, tzinfo=UTC)
    assert "us-il.attorney_general" in {one.id for one in found.set_aside}
    shop = {**an_incident().organisation.model_dump(), "regulated": []}
    assert "us-il-hipaa.attorney_general" in {one.id for one in ruled({"US-IL": 10}, organisation=shop).set_aside}


def test_the_duties_of_the_dpdp_act_begin_on_13_may_2027():
    """What was known the day before has no duty of India's DPDP Act, and nobody is asked; CERT-In is told as before."""
    before = ruled({"IN": 10}, times={"aware": "2027-05-12T10:00:00Z", "noticed": "2026-10-19T01:00:00Z"})
    later = next(one.why for one in before.set_aside if one.id == "in-dpdp.data_principals")
    assert later == "the duties of this law begin on 13 May 2027"
    in_india = [duty.id for duty in before.duties if duty.places == ("IN",)]
    assert in_india == ["in-cert.cert_in"] and not [one for one in before.questions if "DPDP" in one]
    on_the_day = ruled({"IN": 10}, times={"aware": "2027-05-12T18:30:00Z"})
    assert of(on_the_day, "in-dpdp.data_protection_board_detailed").standing is DutyStanding.APPLIES


@pytest.mark.parametrize(("malicious", "due"), [(True, {"ppc_final_improper_purpose": 60}), (False, {"ppc_final": 30})])
def test_japan_gives_60_days_where_somebody_meant_harm(malicious, due):
    """The final report to Japan's PPC is due after 60 days where an improper purpose is suspected, else after 30."""
    facts = {**an_incident().facts.model_dump(), "malicious": malicious}
    found = ruled({"JP": 2000}, facts=facts, times={"learned": "2026-10-19T01:00:00Z"})
    finals = [duty for duty in found.duties if duty.id.startswith("jp-appi-26.ppc_final")]
    first_day = datetime(2026, 10, 19, 14, 59, tzinfo=UTC)
    assert {duty.id: (duty.due_at - first_day).days for duty in finals} == {
        f"jp-appi-26.{one}": days for one, days in due.items()
    }


def regulated(*kinds):
    return {**an_incident().organisation.model_dump(), "regulated": list(kinds)}


def test_a_bank_tells_customers_whose_data_may_be_misused():
    duty = of(ruled({"US-CA": 10}, organisation=regulated("us_bank")), "us-glba-customer.customers")
    assert duty.standing is DutyStanding.MAY_APPLY and "misuse is reasonably possible" in duty.asks[0]
    shop = ruled({"US-CA": 10}, organisation=regulated())
    assert "us-glba-customer.customers" in {one.id for one in shop.set_aside}


def test_a_german_telecom_provider_tells_the_bundesnetzagentur():
    duty = of(ruled({"DE": 10}, organisation=regulated("telecom_provider")), "de-tkg-169.bundesnetzagentur_bfdi")
    assert duty.standing is DutyStanding.APPLIES and duty.recipient_name.startswith("Bundesnetzagentur")


def test_ontario_hears_of_stolen_health_data_of_a_custodian():
    found = ruled({"CA-ON": 10}, facts=with_data("health"))
    assert of(found, "ca-on-phipa.ipc").asks == ("the organisation is a health information custodian",)
    other = ruled({"CA-ON": 10}, facts=with_data("email_address"))
    assert "ca-on-phipa.ipc" in {one.id for one in other.set_aside}


def test_an_email_counts_in_colorado_with_consent_alone():
    rule = of(ruled({"US-CO": 10}, facts=with_data("ssn")), "us-co.individuals").channel_rule
    assert "email" not in rule.channels(consented=False) and "email" in rule.channels(consented=True)


def test_the_media_of_each_state_with_more_than_500_are_named():
    organisation = {**an_incident().organisation.model_dump(), "regulated": ["hipaa_covered_entity"]}
    found = ruled({"US-CA": 1333, "US-NY": 656, "US-TX": 410}, organisation=organisation)
    media = of(found, "us-hipaa.media")
    assert media.recipient_name == "prominent media in California, New York State"
    assert "1,333 in California, 656 in New York State" in media.why


def test_massachusetts_names_further_agencies_and_wants_a_certificate():
    found = ruled({"US-MA": 10}, facts=with_data("ssn"))
    assert of(found, "us-ma.named_agencies").waits
    assert all("monitoring_certificate" in of(found, f"us-ma.{one}").content for one in ("attorney_general", "ocabr"))


def test_a_crime_in_china_goes_to_the_police():
    assert of(ruled({"CN": 10}), "cn-netdata-regs-10-11.police").standing is DutyStanding.APPLIES
    lost = {**an_incident().facts.model_dump(), "malicious": False, "cause": "loss"}
    assert of(ruled({"CN": 10}, facts=lost), "cn-netdata-regs-10-11.police").standing is DutyStanding.MAY_APPLY


def test_minors_in_china_are_told_and_their_guardians_too():
    children = {**an_incident().facts.model_dump(), "data_subjects": ["customers", "children"]}
    duty = of(ruled({"CN": 10}, facts=children), "cn-minors-35.minors_and_guardians")
    assert duty.standing is DutyStanding.APPLIES and "and their guardians" in duty.recipient_name


@pytest.mark.parametrize(
    ("place", "duty"), [("CN", "cn-gbt35273.individuals"), ("HK", "hk-pcpd.individuals"), ("HK", "hk-pcpd.pcpd")]
)
def test_a_standard_or_guidance_is_recommended_not_owed(place, duty):
    found = of(ruled({place: 10}), duty)
    assert found.standing is DutyStanding.RECOMMENDED and not found.asks


def test_ways_of_telling_in_the_chart_rows_are_known_words():
    words = {"written", "first_class_mail", "electronic_with_consent", "telephone", "email"}
    charted = [
        regime
        for regime in TABLE.regimes
        if "chart" in regime.source and regime.confidence_note.startswith("recipients")
    ]
    assert len(charted) == 37
    assert {way for regime in charted for row in regime.duties for way in row.channels} <= words


# The stand-in for a state

STATE_ROWS = [
    (regime, row)
    for regime in TABLE.regimes
    for row in regime.duties
    if regime.places[0].startswith("US-") and not regime.regulated
]


@pytest.mark.parametrize(("regime", "row"), STATE_ROWS, ids=lambda one: one.id)
def test_no_state_is_due_before_the_stand_in_for_a_state(regime, row):
    """The stand-in is due no later than any state's row: at once, or by a date that counts from the discovery.

    A row that counts from when people were told is later than the stand-in's, which comes before the people.
    """
    ours = [duty for duty in TABLE.unknown_state["US"].duties if _addressee(duty) is _addressee(row)]
    assert ours
    if row.within and row.of != "individuals_notified" and all(our.within for our in ours):
        assert min(map(_due, ours)) <= _due(row)


def test_the_stand_in_tells_the_authority_first_as_some_states_want():
    assert any("individuals" in row.before for _, row in STATE_ROWS)
    (authority,) = (row for row in TABLE.unknown_state["US"].duties if _addressee(row) is Addressee.AUTHORITY)
    assert authority.before == ("individuals",)


def test_nothing_spares_a_state_whose_law_nobody_has_read():
    assert not [exemption for regime in STAND_INS for exemption in regime.exemptions if exemption.when]


def _addressee(row: DutyRow) -> Addressee:
    return TABLE.recipients[row.recipient].addressee


def _due(row: DutyRow) -> datetime:
    """All clocks start at one time, and days end in one zone: what remains is how long the law gives."""
    assert row.within
    return row.within.after(MONDAY, "UTC", "", weekdays)


# What the reader says of mistakes


@pytest.fixture
def broken(tmp_path):
    """The files that a mistake needs, one text in one of them replaced, and what the reader says about it."""

    def with_(name, old, new, *others):
        for needed in {name, "recipients.yaml", "clock-events.yaml", "elsewhere.yaml", *others}:
            shutil.copy(FOLDER / needed, tmp_path)
        path = tmp_path / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(ContentError) as caught:
            read_duties(tmp_path)
        line = text[: text.index(old)].count("\n") + 1
        return [str(finding).removeprefix(f"{tmp_path}/") for finding in caught.value.findings], line

    return with_


@pytest.mark.parametrize(
    ("name", "old", "new", "column", "said"),
    [
        (
            "china.yaml",
            "recipient: users",
            "recipent: users",
            9,
            "E101 'recipent' is not a known key (Did you mean 'recipient'?",
        ),
        (
            "china.yaml",
            "recipient: users",
            "recipient: user",
            20,
            "E102 no recipient is called 'user' (Did you mean 'users'?",
        ),
        (
            "canada.yaml",
            "in_person, telephone",
            "in_person, telefone",
            31,
            "'telefone' is not a known word (Did you mean 'telephone'?",
        ),
        (
            "us-states.yaml",
            "filed_by: [AG web form]",
            "channels: [email]",
            9,
            "E107 channels stands in the row of a duty to an office: email",
        ),
        (
            "us-states.yaml",
            "of: detected",
            "of: detect",
            13,
            "E102 no clock event is called 'detect' (Did you mean 'detected'?",
        ),
        (
            "european-union.yaml",
            "of: aware}",
            "of: awar}",
            50,
            "E102 no clock event is called 'awar' (Did you mean 'aware'?",
        ),
        (
            "asia-pacific.yaml",
            "sets: pdpc_notified",
            "sets: pdpc_notify",
            15,
            "E102 no clock event is called 'pdpc_notify'",
        ),
        (
            "clock-events.yaml",
            "same_as: [controller_aware]",
            "same_as: [controler_aware]",
            15,
            "Did you mean 'controller_aware'?",
        ),
        ("us-states.yaml", "before: [individuals]", "before: [individual]", 18, "Did you mean 'individuals'?"),
        (
            "united-kingdom.yaml",
            "spares: [data_subjects]",
            "spares: [data_subject]",
            18,
            "Did you mean 'data_subjects'?",
        ),
        (
            "us-states.yaml",
            "data: [ssn",
            "data: [snn",
            18,
            "E102 regimes.0.when.any_of.0.data.0: 'snn' is not a known word",
        ),
        ("us-states.yaml", "places: [US-CA]", "places: [US-XX]", 14, "E104 US-XX is no country"),
        ("us-states.yaml", "America/Denver", "America/Boulder", 15, "America/Boulder is no IANA time zone"),
        ("us-states.yaml", "id: us-co", "id: us-ca", 9, "E106 another regime is called 'us-ca'"),
        (
            "china.yaml",
            "id: department_cyberspace_office",
            "id: protection_department_and_police",
            13,
            "E106 another duty of the regime",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_was_meant(broken, name, old, new, column, said):
    """A mistake in the table of duties is reported with file, line and column, and where a near word is known with the
    word that was probably meant.
    """
    findings, line = broken(name, old, new)
    assert any(finding.startswith(f"{name}:{line}:{column} ") and said in finding for finding in findings), findings


def test_what_stands_in_two_files_names_both(broken):
    again = "recipients:\n  users: {addressee: people, name: users}\nclock_events:"
    findings, _ = broken("clock-events.yaml", "clock_events:", again)
    assert (
        findings[0].startswith("recipients.yaml:")
        and "E106 another entry of recipients is called 'users'" in findings[0]
    )
    assert "clock-events.yaml:" in findings[0]


def test_a_place_without_a_name_is_a_mistake(broken):
    findings, _ = broken("recipients.yaml", "  SG: Singapore\n", "", "asia-pacific.yaml")
    assert [finding.split(" ", 1)[1] for finding in findings] == ["E103 SG has no name (write it under place_names)"]
    assert findings[0].startswith("asia-pacific.yaml:")


def test_a_clock_event_without_words_is_a_mistake_of_the_whole(broken):
    findings, _ = broken("clock-events.yaml", "  ransom_paid:", "  noticed_twice:")
    assert "no clock event is called 'noticed_twice'" in findings[0]


def test_mistakes_in_two_files_come_at_once(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for name in ("canada.yaml", "china.yaml"):
        path = tmp_path / name
        path.write_text(path.read_text().replace("citation:", "citaton:", 1))
    with pytest.raises(ContentError) as caught:
        read_duties(tmp_path)
    assert Counter(Path(finding.where.split(":")[0]).name for finding in caught.value.findings) == {
        "canada.yaml": 2,
        "china.yaml": 2,
    }


def test_a_table_without_a_stand_in_is_refused(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "elsewhere.yaml"
    path.write_text(path.read_text().split("\n# Stands in for a country")[0] + "\n")
    with pytest.raises(ContentError, match="'unknown_place' is missing"):
        read_duties(tmp_path)


def test_a_folder_without_duties_is_refused(tmp_path):
    with pytest.raises(ContentError, match="this folder has no table of duties"):
        read_duties(tmp_path)
