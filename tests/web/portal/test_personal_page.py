"""What a person reads on their page."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

import amends.web.http
from amends.domain.base.link_code import on_paper
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.feedback.question import QuestionSource
from amends.domain.notice.notice import Variant
from amends.ledger import Keys, Ledger
from amends.ledger.tables.incident import IncidentRow
from amends.settings import Settings
from amends.web.app import create_app
from amends.web.portal.sections.page import FORMS, SECTIONS
from amends.web.portal.sections.section import PageSection
from tests.builders import NOW, a_draft, a_person, a_playbook, a_wording, an_asked, an_incident
from tests.commitments import keep
from tests.rewriting import rewrite
from tests.web.scene import ADA, INCIDENT, KEY, LI, SAM, TOBY, Clock, Visitor, people, release


def ask_by_hotline(ledger: Ledger, person: int, text: str) -> int:
    return ledger.questions.ask(INCIDENT, an_asked(text, person=person, source=QuestionSource.HOTLINE), NOW)


def test_a_person_is_greeted_by_name(ada: Visitor) -> None:
    assert "Hello Ada Example" in ada.look().text


def test_a_person_reads_which_of_their_data_was_touched(ada: Visitor) -> None:
    assert "<li>bank card details</li>" in ada.look().text


def test_nothing_is_claimed_about_data_that_was_not_touched(ada: Visitor) -> None:
    assert "health data" not in ada.look().text


def test_a_person_of_whose_data_nothing_is_known_is_told_so(visitor: Callable[[int], Visitor]) -> None:
    assert "We do not know yet which of your details" in visitor(SAM).look().text


def test_the_most_urgent_step_comes_first_and_help_last(ada: Visitor) -> None:
    page = ada.look().text
    bank, everybody = (
        page.index("call your bank and ask for a new card"),
        page.index("be careful with anyone who calls"),
    )
    assert bank < everybody < page.index("<h3>Help in Germany</h3>")


def test_a_person_reads_in_their_own_language(li: Visitor) -> None:
    page = li.look().text
    assert '<html lang="zh-CN">' in page
    assert "李雷，您好" in page


def test_a_person_can_change_the_language(li: Visitor) -> None:
    assert "Hello 李雷" in li.look("?lang=en").text


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", 'Data protection officer: <span dir="auto">Shen Yulan, data protection officer</span>'),
        ("zh-CN", '个人信息保护负责人：<span dir="auto">个人信息保护负责人 沈玉兰</span>'),
    ],
)
def test_whose_name_stands_among_the_contacts_is_said(ada: Visitor, lang: str, said: str) -> None:
    assert said in ada.look(f"?lang={lang}").text


@pytest.mark.parametrize("lang", ["xx", "", "../en", "%00", "<script>"])
def test_a_language_that_is_not_offered_is_passed_over(ada: Visitor, lang: str) -> None:
    assert '<html lang="en">' in ada.look(f"?lang={lang}").text


def test_a_childs_page_speaks_to_the_guardian(visitor: Callable[[int], Visitor]) -> None:
    page = visitor(TOBY).look().text
    assert "as the parent or guardian of Toby Vance" in page
    assert "Hello Toby" not in page


@pytest.mark.parametrize(
    "said",
    [
        "Promised for 23 January 2027",
        '<span class="state kept">Kept</span>',
        "Report 2026-12, checked by Prüf AG",
        '<span class="state late">Late</span>',
        "New date: 22 February 2027",
        "The parts came late.",
        '<span class="state dropped">Not kept</span>',
        '<span class="state open">On time</span>',
    ],
)
def test_each_promise_is_shown_with_what_became_of_it(ada: Visitor, said: str) -> None:
    assert said in ada.look().text


def test_a_promise_to_a_segment_is_shown_to_that_segment(ada: Visitor, visitor: Callable[[int], Visitor]) -> None:
    said = "Shop customers get a new account number."
    assert said in ada.look().text
    assert said not in visitor(SAM).look().text


def test_a_promise_to_others_is_not_shown(ada: Visitor) -> None:
    assert "Nobody in this story" not in ada.look().text


def test_an_untranslated_promise_is_said_in_the_first_language(ledger: Ledger, li: Visitor) -> None:
    """When the reason for a dropped commitment is not written in the reader's language, the page shows it in the first
    language.
    """
    reason = {"en": "We ran out of time."}
    ledger.commitments.drop(INCIDENT, "audit", reason, "lena", NOW)
    release(ledger, notice="late-audit-1", about="audit", change=1)
    assert "We ran out of time." in li.look().text


def test_a_commitments_outcome_is_shown_before_its_words(ledger: Ledger, ada: Visitor) -> None:
    """The page shows the state of a commitment at once, and the evidence or reason only after the notice about the
    commitment is released.
    """
    keep(ledger, INCIDENT, "audit", {"*": "Report 2027-01"}, "lena", NOW)
    page = ada.look().text
    assert page.count('<span class="state kept">') == 2
    assert "Report 2027-01" not in page
    release(ledger, notice="kept-audit-1", about="audit", change=1)
    ada.clock.forward(seconds=30)
    assert "Report 2027-01" in ada.look().text


def test_a_commitments_evidence_is_read_in_ones_own_language(ledger: Ledger, li: Visitor) -> None:
    """The evidence that a commitment was kept is shown in the reader's own language."""
    keep(ledger, INCIDENT, "audit", {"en": "Report 2027-01", "zh-CN": "2027年1月的报告"}, "lena", NOW)
    release(ledger, notice="kept-audit-1", about="audit", change=1)
    page = li.look().text
    assert ("2027年1月的报告" in page, "Report 2027-01" in page) == (True, False)


def test_a_kept_promise_shows_no_reason_of_its_delay(ledger: Ledger, ada: Visitor) -> None:
    ledger.commitments.put_off(INCIDENT, "audit", NOW + timedelta(days=80), {"en": "It takes longer."}, "lena", NOW)
    release(ledger, notice="late-audit-1", about="audit", change=1)
    keep(ledger, INCIDENT, "audit", {"*": "Report 2027-01"}, "lena", NOW)
    page = ada.look().text
    assert "It takes longer." not in page
    assert "Report 2027-01" not in page


def test_dates_are_those_of_the_organisations_time_zone(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    late_in_utc = clock().replace(hour=20)
    ledger.questions.answer(INCIDENT, ask_by_hotline(ledger, ADA, "When?"), "Now.", "wei", late_in_utc)
    assert "Answered on 25 December 2026" in ada.look().text


def test_our_notices_are_listed_with_a_link_to_their_page(ada: Visitor, client: TestClient) -> None:
    assert f'<a href="/n/{INCIDENT}/en/first-notice.html">Your data was copied</a>' in ada.look().text
    assert client.get(f"/n/{INCIDENT}/en/first-notice.html").status_code == 200


def test_a_notice_that_is_not_on_the_website_is_listed_without_a_link(ledger: Ledger, ada: Visitor) -> None:
    release(ledger, notice="by-mail-only")
    assert "by-mail-only.html" not in ada.look().text


def test_a_notice_to_another_segment_is_not_listed(ledger: Ledger, ada: Visitor) -> None:
    audience = ledger.notices.audience(INCIDENT, "others")
    release(ledger, notice="to-others", audience="others", audience_digest=audience.digest, people=0)
    assert ada.look().text.count("Your data was copied") == 1


def test_a_draft_that_has_not_left_is_not_listed(opened: Ledger, settings: Settings, clock: Clock) -> None:
    opened.notices.draft(a_draft(), NOW)
    page = (
        Visitor(TestClient(create_app(settings, opened, clock)), opened.people.link_of(INCIDENT, ADA), clock)
        .look()
        .text
    )
    assert "Your data was copied" not in page


def test_a_notice_that_is_drafted_anew_stays_listed_as_it_was_told(ledger: Ledger, ada: Visitor) -> None:
    sent(ledger, ADA)
    ledger.notices.draft(a_draft(variants=headed("What we know by now")), NOW)
    page = ada.look().text
    assert "Your data was copied</a>" in page
    assert "What we know by now" not in page


def test_a_person_reads_the_version_sent_else_the_newest(
    ledger: Ledger, ada: Visitor, visitor: Callable[[int], Visitor]
) -> None:
    """A person who was sent the first version of a notice reads this version, and a person who was sent none reads the
    newest released version.
    """
    sent(ledger, ADA)
    release(ledger, variants=headed("What we know by now"))
    assert "Your data was copied</a>" in ada.look().text
    assert "What we know by now" not in ada.look().text
    assert "What we know by now</a>" in visitor(SAM).look().text


def headed(subject: str) -> tuple[Variant, ...]:
    """What a draft says, under another heading."""
    return tuple(
        variant.model_copy(update={"subject": subject}) if variant.subject else variant
        for variant in a_draft().variants
    )


def sent(ledger: Ledger, person: int) -> None:
    """The email of the first notice to this person has left, and nothing else."""
    claims = ledger.deliveries.claim(INCIDENT, "first-notice", [ChannelKind.EMAIL], 100, NOW)
    theirs = [claim for claim in claims if claim.about and claim.about.number == person]
    ledger.deliveries.record(theirs, (), INCIDENT, "first-notice", NOW)
    receipts = [(one, Receipt(one.key, Status.SENT, "250")) for one in theirs]
    ledger.deliveries.record((), receipts, INCIDENT, "first-notice", NOW)
    ledger.deliveries.give_back([claim for claim in claims if claim not in theirs], NOW)
    ledger.deliveries.end_leases([claim.lease for claim in claims[:1]], {}, INCIDENT, "first-notice", NOW)


NOT_INVOLVED = {"en": "none of your data was involved", "zh-CN": "您的信息没有受到影响"}


def taken_off(ledger: Ledger, person: int) -> None:
    """A corrected list does not have this person any more."""
    kept = [one for one in people() if one.number != person]
    ledger.corrections.apply(ledger.corrections.compare(INCIDENT, kept), {Ask.GONE: 1}, "f" * 64, "lena", NOW)


@pytest.mark.parametrize("lang", NOT_INVOLVED)
def test_a_person_off_the_list_reads_that_they_were_not_touched(ledger: Ledger, ada: Visitor, lang: str) -> None:
    """A person who is no longer in the audience list reads in the chosen language that they were not touched, and reads
    nothing about data of theirs.
    """
    taken_off(ledger, ADA)
    page = ada.look(f"?lang={lang}").text
    assert NOT_INVOLVED[lang] in page
    assert "bank card" not in page
    assert "银行卡" not in page


def test_who_is_in_the_list_is_not_told_that_they_were_not_touched(ledger: Ledger, ada: Visitor, li: Visitor) -> None:
    taken_off(ledger, ADA)
    assert NOT_INVOLVED["zh-CN"] not in li.look().text


def test_a_person_perhaps_listed_under_another_id_is_not_cleared(ledger: Ledger, ada: Visitor) -> None:
    """A person who may stand in the corrected list under another id is not told that they were not touched, but that
    they may be on the list under another entry.
    """
    doubled = ledger.corrections.compare(INCIDENT, [*people()[1:], people()[0]._replace(number=0, ref="C-90001")])
    ledger.corrections.apply(doubled, {Ask.GONE: 1, Ask.SWAPPED: 1}, "f" * 64, "lena", NOW)
    page = ada.look().text
    assert NOT_INVOLVED["en"] not in page
    assert "You may be on it under another entry." in page


def test_who_is_not_in_the_list_any_more_can_still_ask(ledger: Ledger, ada: Visitor) -> None:
    taken_off(ledger, ADA)
    assert ada.ask("Why did you write to me?").status_code == 303
    assert [question.person for question in ledger.questions.all(INCIDENT)] == [ADA]


def test_a_person_off_the_list_reads_what_they_were_told_only(ledger: Ledger, ada: Visitor) -> None:
    """A person who is no longer in the audience list still reads the notice and the commitments that they were told of,
    and no later notice.
    """
    sent(ledger, ADA)
    taken_off(ledger, ADA)
    release(ledger, notice="update", variants=headed("News for all"))
    page = ada.look().text
    assert "Your data was copied</a>" in page
    assert "An outside firm will check our systems" in page
    assert "News for all" not in page


def test_the_public_notice_is_linked_in_the_readers_language(li: Visitor) -> None:
    assert f'<a href="/n/{INCIDENT}/zh-CN/">查看公开通知</a>' in li.look().text


@pytest.mark.parametrize("column", ["question SET sealed_text", "answer SET sealed_texts"])
def test_unreadable_words_take_nothing_else_from_the_page(ledger: Ledger, ada: Visitor, column: str) -> None:
    """When one question or answer can no longer be decrypted, the page says so at this place and shows everything else."""
    for said in ("Was my card copied?", "Was my address copied?"):
        ledger.questions.answer(INCIDENT, ask_by_hotline(ledger, ADA, said), f"Answer: {said}", "wei", NOW)
    with ledger.store.write() as write:
        write.session.execute(text(f"UPDATE {column} = zeroblob(40) WHERE id = 2"))
    page = ada.look().text
    assert "Answer: Was my card copied?" in page
    assert page.count("What was written here can no longer be read") == 1


def test_an_answer_stands_below_its_question(ledger: Ledger, ada: Visitor) -> None:
    ledger.questions.answer(INCIDENT, ask_by_hotline(ledger, ADA, "Was my card copied?"), "Yes, it was.", "wei", NOW)
    page = ada.look().text
    assert page.index("Was my card copied?") < page.index("Yes, it was.")


def test_an_open_question_says_when_it_will_be_answered(ledger: Ledger, ada: Visitor) -> None:
    ledger.questions.ask(INCIDENT, an_asked("Was my card copied?", person=ADA, at=ada.clock()), ada.clock())
    assert "We will answer by 26 December 2026." in ada.look().text


def test_a_late_answer_is_said_to_be_late_not_promised_for_the_past(ledger: Ledger, ada: Visitor, li: Visitor) -> None:
    """When the time for an answer has passed, the page says in the reader's language that the answer is late, and does
    not promise it for a day in the past.
    """
    for person, asked in ((ADA, "Was my card copied?"), (LI, "我的卡呢？")):
        ask_by_hotline(ledger, person, asked)
    for visitor, promised, late in (
        (ada, "We will answer by", "We said that we would answer by 26 November 2026"),
        (li, "我们最晚2026年11月26日答复", "我们说过最晚2026年11月26日答复"),
    ):
        page = visitor.look("?sent=ask").text
        assert late in page
        assert promised not in page
        assert 'class="thanks"' not in page


def test_an_answer_is_read_aloud_in_the_language_of_its_question(ledger: Ledger, ada: Visitor) -> None:
    asked = ledger.questions.ask(INCIDENT, an_asked("我的卡呢？", person=ADA, locale="zh-CN"), NOW)
    ledger.questions.answer(INCIDENT, asked, "请致电银行。", "wei", NOW)
    assert '<p class="written" dir="auto" lang="zh-CN">请致电银行。</p>' in ada.look().text


def test_nobody_reads_the_questions_of_others(ledger: Ledger, ada: Visitor) -> None:
    ask_by_hotline(ledger, LI, "Was my card copied?")
    assert "Was my card copied?" not in ada.look().text


@pytest.mark.parametrize(
    "said", ["tel:+49305550100", "mailto:care@betapai.example", "every day, 8 to 20", "Shen Yulan"]
)
def test_the_page_says_how_to_reach_us(ada: Visitor, said: str) -> None:
    assert said in ada.look().text


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+49 (0)30 / 555-0100", "+49305550100"),
        ("(030) 5550\u00a0100", "0305550100"),
        ("400-800-1234转2", "4008001234"),
        ("0800 555 0100, 030 5550100", "08005550100"),
        ("+86 571 5550 0142 ext. 7", "+8657155500142"),
        ("400\u2013800\u20111234", "4008001234"),
        ("Tel. +49 30 5550100", "+49305550100"),
        ("(+86) 400 800 1234", "+864008001234"),
    ],
    ids=["zero", "blank", "extension", "two", "ext", "dashes", "word", "bracket"],
)
def test_a_touch_on_the_telephone_number_dials_it(ledger: Ledger, ada: Visitor, written: str, dialled: str) -> None:
    incident = ledger.cases.incident_file(INCIDENT)
    contacts = incident.organisation.contacts.model_copy(update={"phone": written})
    organisation = incident.organisation.model_copy(update={"contacts": contacts})
    ledger.incidents.amend(incident.model_copy(update={"organisation": organisation}), "lena", NOW)
    assert f'<a href="tel:{dialled}">{written}</a>' in ada.look().text


def test_the_page_warns_of_those_who_ask_for_passwords(ada: Visitor) -> None:
    assert "We will never ask you for a password" in ada.look().text


def test_no_survey_before_people_were_invited(opened: Ledger, settings: Settings, clock: Clock) -> None:
    client = TestClient(create_app(settings, opened, clock))
    assert "/survey" not in Visitor(client, opened.people.link_of(INCIDENT, ADA), clock).look().text


def test_a_change_shows_within_a_quarter_of_a_minute(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    ada.look()
    keep(ledger, INCIDENT, "audit", {"*": "Summary of the audit"}, "lena", clock())
    release(ledger, notice="kept-audit-1", about="audit", change=1)
    clock.forward(seconds=15)
    assert "Summary of the audit" in ada.look().text


def test_a_page_is_readable_before_any_playbook_runs(settings: Settings, clock: Clock) -> None:
    ledger = Ledger(settings.ledger_url, Keys(KEY)).migrate()
    ledger.incidents.open(an_incident(), [a_person()], "lena", NOW)
    visitor = Visitor(TestClient(create_app(settings, ledger, clock)), ledger.people.link_of(INCIDENT, 1), clock)
    assert visitor.ask("Is anybody there?").status_code == 303
    assert ledger.questions.all(INCIDENT)[0].reply_due_at == clock() + timedelta(hours=72)
    ledger.dispose()


def test_a_word_missing_in_an_old_playbook_is_said_as_shipped(ledger: Ledger, ada: Visitor) -> None:
    wording = a_wording(
        phrases={"en": ledger.playbooks.wording(INCIDENT).phrases["en"].model_copy(update={"portal": {}})}
    )
    ledger.playbooks.pin(INCIDENT, a_playbook(), wording, "lena", NOW)
    assert "What you can do" in ada.look().text


def test_looking_changes_nothing(ledger: Ledger, ada: Visitor, client: TestClient) -> None:
    before = len(ledger.audit.entries(INCIDENT))
    for path in (ada.page, f"{ada.page}/ask", f"{ada.page}/survey", f"{ada.page}?sent=ask", f"/n/{INCIDENT}/"):
        client.get(path)
        client.head(path)
    assert len(ledger.audit.entries(INCIDENT)) == before


def test_a_link_that_got_a_slash_on_its_way_works_all_the_same(ada: Visitor, client: TestClient) -> None:
    assert "Hello Ada Example" in client.get(f"{ada.page}/", follow_redirects=True).text


@pytest.mark.parametrize("typed", [str, str.upper, lambda link: link.replace("-", "")])
def test_a_link_typed_from_a_letter_opens_the_same_page(
    ada: Visitor, client: TestClient, typed: Callable[[str], str]
) -> None:
    page = client.get(f"/p/{typed(on_paper(ada.link))}").text
    assert "Hello Ada Example" in page
    assert f"/p/{ada.link}" in page


def test_a_revoked_link_works_no_more(ledger: Ledger, ada: Visitor) -> None:
    ledger.people.revoke_link(INCIDENT, ADA, "lena", NOW)
    answer = ada.look()
    assert answer.status_code == 404
    assert "Ada Example" not in answer.text


def damage(ledger: Ledger, person: int) -> None:
    with ledger.store.write() as write:
        sealed = {"sealed": b"\x01" + bytes(60), "person": person}
        write.session.execute(text("UPDATE person SET sealed = :sealed WHERE number = :person"), sealed)


def test_a_person_with_damaged_data_reads_how_to_reach_us(ledger: Ledger, ada: Visitor) -> None:
    """A person whose stored data is damaged gets a page with status 500 that says that the fault is ours and how to
    reach us, without technical words.
    """
    damage(ledger, ADA)
    answer = ada.look()
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "care@betapai.example" in answer.text
    assert "altered" not in answer.text


def test_the_team_hears_once_of_a_page_whose_person_s_data_is_damaged(ledger: Ledger, ada: Visitor) -> None:
    damage(ledger, ADA)
    for _ in range(2):
        ada.look()
    (alert,) = [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert alert.startswith(f"the data of person {ADA} was altered")
    assert "`amends audience correct`" in alert


def test_a_destroyed_incident_key_ends_the_page(ledger: Ledger, ada: Visitor) -> None:
    """When the key of an incident was destroyed, the personal page is not found any more."""
    rewrite(ledger, IncidentRow, wrapped_key=b"")
    assert ada.look().status_code == 404


def test_a_page_in_a_folder_of_a_larger_site_links_below_that_folder(ledger: Ledger, settings: Settings) -> None:
    below = settings.model_copy(update={"public_url": "https://betapai.example/breach"})
    page = Visitor(TestClient(create_app(below, ledger)), ledger.people.link_of(INCIDENT, ADA), Clock()).look().text
    links = [piece.split('"')[0] for mark in ('href="/', 'action="/') for piece in page.split(mark)[1:]]
    assert links
    assert all(link.startswith("breach/") for link in links)


def test_each_section_has_its_own_template() -> None:
    assert sorted(section.template for section in SECTIONS) == sorted(
        file.name for file in (Path(amends.web.http.__path__[0]) / "templates" / "personal").iterdir()
    )


def test_a_form_belongs_to_one_section() -> None:
    assert len(FORMS) == sum(len(section.forms) for section in SECTIONS)


def test_each_section_stands_in_the_order_of_the_page() -> None:
    assert set(PageSection.__subclasses__()) == set(SECTIONS)
