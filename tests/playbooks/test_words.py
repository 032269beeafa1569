"""The playbooks and the phrases of both languages, bound to their models."""

import re
from collections.abc import Callable, Sized
from itertools import pairwise
from string import Formatter

import pytest

from amends.content.playbook.commitment_library import shipped_commitments
from amends.domain.base.value import text_for
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import ASKED
from amends.domain.incident.commitment import CommitmentKind, CommitmentState, PlannedCommitment
from amends.domain.incident.elements import class_of
from amends.domain.incident.facts import DataCategory
from amends.domain.lint.letter import CONDITIONAL
from amends.domain.lint.lint import CHINESE_AT_MOST, WORDS_AT_MOST
from amends.domain.lint.readability import sentences, words
from amends.domain.notice.wording import PARTS, Phrases
from amends.domain.playbook.playbook import Phase, Playbook, Step
from tests.builders import picked
from tests.playbooks.rendering import LOCALES, PLAYBOOKS, helps, incident, phrases, playbooks, templates

PORTAL = set(
    """
    title hello your_data_title your_data_intro no_data_known left_not_touched left_perhaps_twice what_you_can_do promises_title promise_due
    remedy_for_you remedy_for_child remedy_kept_for_others remedy_open remedy_under_way remedy_done remedy_not_possible remedy_declined
    promise_new_due promise_on_time promise_again promise_evidence take_up take_up_code take_up_until code_until code_expired code_redeemed code_none ask_title ask_label ask_kind_question ask_kind_complaint
    ask_kind_suggestion ask_send ask_thanks your_questions answer_pending answer_late answered_on unreadable survey_once survey_send
    survey_thanks notice_link notices_title
    link_invalid_title link_invalid_text too_many_title too_many_text too_long empty_text survey_empty sent_too_soon form_expired form_used
    we_never_ask
    contact_title contact_officer language skip back error_title error_text guardian_intro privacy_note
    board_title board_intro board_empty
    faq_title faq_empty faq_dated faq_link
    answer_corrected_on answer_closed_on answer_was_wrong objected_on objection_button objection_why objection_send objection_thanks
    reply_subject reply_hello reply_asked reply_answer reply_wrong reply_closed reply_not_satisfied reply_not_satisfied_mail reply_thanks
    reply_contact
    reply_sms reply_sms_wrong reply_sms_correction
    claim_title claim_intro claim_intro_open claim_over claim_currency claim_amount claim_text claim_holder claim_number
    claim_bank claim_account_why claim_files claim_files_from claim_files_needed claim_send claim_sent claim_yours claim_made
    claim_received claim_late claim_granted claim_partly claim_rejected claim_in_payment claim_paid claim_returned
    claim_account_until claim_lapsed claim_account_missing claim_account_title claim_account_send claim_account_saved claim_object
    claim_object_intro claim_object_why claim_object_send claim_objected claim_bad_amount claim_bad_account
    claim_bad_holder claim_bad_letters claim_bad_bank claim_bad_files claim_too_late claim_reply_subject claim_reply_asked
    claim_reply_answer claim_reply_page claim_reply_thanks claim_reply_received claim_reply_account_needed
    claim_reply_granted claim_reply_partly claim_reply_rejected claim_reply_object claim_reply_after claim_reply_paid claim_reply_returned
    claim_reply_reopened claim_reply_account_until claim_reply_reminder claim_reply_lapsed
    hour_begins hour_when hour_minutes hour_where hour_page hour_intro hour_more hour_ask_label hour_ask hour_remind hour_reminded
    hour_over hour_answers hour_reminder_subject hour_reminder_text
    optional_title optional_intro optional_law optional_stop optional_stopped optional_again optional_resumed
    own_title wrong_title wrong_intro wrong_label wrong_send wrong_open
    address_title address_intro address_email address_phone address_label address_send address_open
    address_bad_email address_bad_phone report_accepted report_refused
    prefer_title prefer_intro prefer_locale prefer_channel prefer_any prefer_email prefer_sms prefer_letter
    prefer_save prefer_saved step_done step_tick step_untick
    data_title data_intro data_send data_pending data_late data_ready data_download data_refused
    sent_to_you sent_read sent_email sent_sms sent_letter
    """.split()
)
PROMISE_FITS = {"en": 110, "zh-CN": 30}
"""Characters; an SMS must have room for the promise that it tells of."""
PLAYBOOK = pytest.mark.parametrize("playbook", playbooks().values(), ids=lambda playbook: playbook.id)
LOCALE = pytest.mark.parametrize("locale", LOCALES)


def every_promise() -> list[PlannedCommitment]:
    return [*incident().commitments, *picked(*shipped_commitments().entries)]


def steps_with_channels(playbook: Playbook) -> list[Step]:
    return [step for step in playbook.steps if step.channels]


def templates_of(step: Step) -> set[str]:
    """The folders of templates that a step sends from."""
    if step.notice:
        return {step.notice}
    return {"promise-kept", "promise-late", "result-corrected"} if step.phase is Phase.FOLLOW_UP else set()


def test_a_playbooks_file_is_named_after_it() -> None:
    assert {name: playbook.id for name, playbook in playbooks().items()} == {name: name for name in playbooks()}


def test_there_is_a_playbook_for_theft_for_devices_and_for_suppliers() -> None:
    assert set(playbooks()) == {"customer-data-theft", "stolen-device-or-papers", "vendor-breach"}


def test_editors_find_the_schema_in_the_first_line() -> None:
    firsts = {
        path.read_text(encoding="utf-8").splitlines()[0]
        for path in PLAYBOOKS.glob("*.yaml")
        if path.name != "addenda.yaml"
    }
    assert firsts == {"# yaml-language-server: $schema=./playbook.schema.json"}


@PLAYBOOK
def test_a_playbook_has_work_for_every_phase(playbook: Playbook) -> None:
    assert {step.phase for step in playbook.steps} == set(Phase)


@PLAYBOOK
def test_each_step_tells_its_reader_what_it_is_for(playbook: Playbook) -> None:
    assert [step.id for step in playbook.steps if not step.reads_on.endswith(".")] == []


@PLAYBOOK
@LOCALE
def test_each_channel_of_a_step_that_sends_has_a_template(playbook: Playbook, locale: str) -> None:
    """Each notice that a step sends has a template for each of the step's channels, in each language."""
    wanted = {
        f"{notice}/{locale}.{channel}.{'md' if channel.detailed else 'txt'}"
        for step in steps_with_channels(playbook)
        for notice in templates_of(step)
        for channel in step.written_for
    }
    assert wanted - templates().keys() == set()


@PLAYBOOK
def test_a_notice_to_everybody_is_approved_by_two_people(playbook: Playbook) -> None:
    public = [step for step in steps_with_channels(playbook) if ChannelKind.WEBSITE in step.channels]
    assert {step.approvals.needed for step in public} == {2}


@PLAYBOOK
def test_nothing_is_promised_by_default(playbook: Playbook) -> None:
    """A shipped playbook makes no commitment; it names entries of the library that a lead can pick."""
    assert playbook.commitments == ()
    assert set(playbook.offers) <= shipped_commitments().entries.keys()


def test_the_default_playbook_offers_every_kind() -> None:
    entries = shipped_commitments().entries
    assert {entries[name][0] for name in playbooks()["customer-data-theft"].offers} == set(CommitmentKind)


@LOCALE
def test_a_promise_is_one_sentence_that_fits_in_an_sms(locale: str) -> None:
    promised = [promise.promise[locale] for promise in every_promise()]
    assert [text for text in promised if len(sentences(text)) != 1 or len(text) > PROMISE_FITS[locale]] == []


def test_a_promise_states_the_same_numbers_in_both_languages() -> None:
    numbers = [[re.findall(r"\d+", promise.promise[locale]) for locale in LOCALES] for promise in every_promise()]
    assert [pair for pair in numbers if pair[0] != pair[1]] == []


@LOCALE
def test_a_locales_file_is_named_after_it(locale: str) -> None:
    assert phrases(locale).locale == locale


@LOCALE
def test_every_kind_of_data_has_a_name_and_a_step(locale: str) -> None:
    known = phrases(locale)
    assert set(known.data) == set(DataCategory)
    assert len(set(known.data.values())) == len(DataCategory)
    for_all = {DataCategory.CONTACT, DataCategory.BASIC_IDENTITY}
    """Whose step is the one of everybody: to be careful with whoever writes or calls."""
    assert {class_of(kind) for kind in DataCategory if not {kind, class_of(kind)} & known.steps.keys()} == for_all


def test_both_languages_have_the_same_data_and_steps_in_order() -> None:
    english, chinese = map(phrases, LOCALES)
    assert list(english.data) == list(chinese.data)
    assert [_shape(english, kind) for kind in english.steps] == [_shape(chinese, kind) for kind in chinese.steps]


def _shape(known: Phrases, kind: DataCategory) -> tuple[object, ...]:
    step = known.steps[kind]
    return kind, step.when, step.minutes, bool(step.child_first), bool(step.child_do)


@LOCALE
def test_no_step_leaves_it_to_the_reader_whether_it_is_theirs(locale: str) -> None:
    """A step claims what it is about: it is shown only to people whose data it is about."""
    pattern = CONDITIONAL[locale.split("-", maxsplit=1)[0]]
    assert [text for text in step_texts(locale) if pattern.search(text)] == []


@LOCALE
def test_a_step_names_its_minutes_where_it_has_any(locale: str) -> None:
    """A step with minutes says at the head of the letter how long it takes."""
    said = re.compile({"en": r"(?:five|ten|fifteen) minutes", "zh-CN": "(?:五|十|十五)分钟"}[locale])
    every = [
        *phrases(locale).steps.values(),
        *(step for help_ in helps() for step in help_.steps.get(locale, {}).values()),
    ]
    assert [step.first for step in every if step.minutes and not said.search(step.first)] == []


def step_texts(locale: str) -> list[str]:
    """Every text of a step or of help, general and local."""
    known = phrases(locale)
    steps = [*known.steps.values(), known.step_words.beware]
    steps += [step for help_ in helps() for step in help_.steps.get(locale, {}).values()]
    said = [text for one in steps for text in (one.first, one.do, one.child_first, one.child_do) if text]
    parts = [text_for(part.text, locale) for help_ in helps() for part in help_.parts if part.text]
    return [*said, *parts, known.help_elsewhere]


@LOCALE
def test_the_portal_has_its_words_with_their_parts(locale: str) -> None:
    portal = phrases(locale).portal
    parts = {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in portal.items()}
    assert portal.keys() == PORTAL
    assert parts == {key: set(PARTS.get(key, ())) for key in PORTAL}


@LOCALE
def test_the_portal_names_each_kind_of_question(locale: str) -> None:
    assert {f"ask_kind_{kind}" for kind in ASKED} - phrases(locale).portal.keys() == set()


@LOCALE
@PLAYBOOK
def test_every_survey_has_its_words(playbook: Playbook, locale: str) -> None:
    assert [survey.id for survey in playbook.surveys] == ["how-we-did"]
    assert not any(survey.lacking(locale) for survey in playbook.surveys)


def test_the_shipped_playbooks_ask_the_same() -> None:
    assert len({playbook.surveys[0].model_dump_json() for playbook in playbooks().values()}) == 1


@LOCALE
def test_every_fate_of_a_promise_has_a_word(locale: str) -> None:
    assert phrases(locale).commitment_states.keys() == {*CommitmentState, "late"}


@LOCALE
def test_no_advice_portal_word_or_promise_says_a_forbidden_phrase(locale: str) -> None:
    """No advice, word of the portal or promise contains a phrase that must never be said to customers."""
    known = phrases(locale)
    never = re.compile("|".join(map(re.escape, known.never_say)), re.IGNORECASE)
    said = [*step_texts(locale), *known.portal.values(), *(promise.promise[locale] for promise in every_promise())]
    assert [text for text in said if never.search(text)] == []


@pytest.mark.parametrize(("locale", "length", "most"), [("en", words, WORDS_AT_MOST), ("zh-CN", str, CHINESE_AT_MOST)])
def test_every_sentence_of_the_phrases_is_short(locale: str, length: Callable[[str], Sized], most: int) -> None:
    known = phrases(locale)
    said = [sentence for text in (*step_texts(locale), *known.portal.values()) for sentence in sentences(text)]
    assert [sentence for sentence in said if len(length(sentence)) > most] == []


@LOCALE
def test_what_must_never_be_said_is_listed_once(locale: str) -> None:
    listed = sorted(phrases(locale).never_say)
    assert [first for first, second in pairwise(listed) if first == second] == []
