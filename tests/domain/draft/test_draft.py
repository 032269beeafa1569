"""From the case and the words to a draft: every variant that the audience needs, and nothing personal in it."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.base.audience import EVERYONE, Segment
from amends.domain.base.errors import ContentError
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import PageVersion
from amends.domain.draft.draft import draft, notice_about, notices_wanted
from amends.domain.draft.writer import Links, Readers, Wanted
from amends.domain.feedback.survey.survey import Estimate, QuestionResult, SurveyResults
from amends.domain.incident.commitment import CommitmentState, fate
from amends.domain.incident.facts import Cause, Fact, Facts
from amends.domain.incident.incident import ListExtent, StatementKey
from amends.domain.law.addendum import GENERAL, Addenda, Addendum, Item
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus, Reader, Slot, TextName
from amends.domain.notice.statement import Statement, stated_by
from amends.domain.notice.templates import PART_CLOSE, PART_OPEN, mark_items, split_items, split_parts
from amends.domain.notice.told import Pages
from amends.domain.notice.wording import Wording
from amends.domain.playbook.playbook import Step
from amends.domain.team.approval import ApprovalRule
from tests.builders import (
    NEXT_NEWS,
    NOW,
    a_case,
    a_commitment,
    a_draft,
    a_playbook,
    a_promise,
    a_ruling,
    a_variant,
    a_wording,
    an_assessment,
    an_audience,
    an_incident,
    variant_of,
)

DAY = timedelta(days=1)
LINKS = Links("https://betapai.example")
FIRST = Wanted("first-notice", "first-notice", EVERYONE)
BOTH_SELVES = frozenset({TextName("en", Reader.SELF, GENERAL), TextName("zh-CN", Reader.SELF, GENERAL)})
EVERY = tuple(
    f"{locale}.{file}" for locale in ("en", "zh-CN") for file in ("email.md", "website.md", "sms.txt", "social.txt")
)


def words(text: str = "{{ story.what_happened }}", *, notice: str = "first-notice", **templates: str) -> Wording:
    """One text for every locale and channel of a notice; `en_email` replaces that one, a bare name adds a file."""
    named = {key.replace("_", ".", 1): template for key, template in templates.items()}
    files = {f"{notice}/{file}": named.get(file.rsplit(".", 1)[0], text) for file in EVERY}
    return a_wording(templates=files)


def drafted(wording: Wording | None = None, **changes: Any) -> Draft:
    """The first notice, drafted; or another, by what is changed."""
    case: Case = changes.pop("case", a_case(events={"opened": NOW, "assessed": NOW}, assessment=an_assessment()))
    assert case.playbook
    given: dict[str, Any] = {
        "step": case.playbook.step("first-notice"),
        "number": 1,
        "wanted": FIRST,
        "readers": Readers("audience-1:everyone", 3, BOTH_SELVES),
        "links": LINKS,
        "facts_digest": "facts-1",
        "now": NOW,
    }
    return draft(case, wording or words(), **(given | changes))


def text_of(draft: Draft, locale: str = "en", channel: ChannelKind = ChannelKind.EMAIL) -> str:
    return variant_of(draft, locale, channel).text


def step_of(case: Case, name: str) -> Step:
    assert case.playbook
    return case.playbook.step(name)


def a_notice(**changes: Any) -> NoticeStatus:
    given: dict[str, Any] = {
        "id": "promise-kept-audit-1",
        "version": 1,
        "template": "promise-kept",
        "step": "chase",
        "occurrence": 1,
        "stage": NoticeStage.DRAFTED,
        "binding": "",
        "approvals_needed": 1,
        "drafted_at": NOW,
    }
    return NoticeStatus(**(given | changes))


def test_each_step_is_told_with_the_data_that_it_is_about() -> None:
    told = drafted(words("{% for step in steps %}{{ step.about }} - {{ step.text }} {% endfor %}"))
    assert text_of(told).startswith("Password in scrambled form - Today, 10 minutes: Change your password.")
    assert text_of(told).endswith(" - From now on: Be careful with calls about this.")


def test_a_single_step_says_one_notice_named_after_its_templates() -> None:
    case = a_case()
    assert notices_wanted(case, step_of(case, "first-notice"), 1) == (FIRST,)


def test_each_turn_of_a_series_says_a_notice_of_its_own() -> None:
    case = a_case()
    assert notices_wanted(case, step_of(case, "update"), 4) == (Wanted("update-4", "update", EVERYONE),)


@pytest.mark.parametrize("step", ["assess", "chase"])
def test_a_step_without_anything_to_tell_says_no_notice(step: str) -> None:
    case = a_case()
    assert notices_wanted(case, step_of(case, step), 1) == ()


@pytest.mark.parametrize(
    ("state", "template"),
    [
        (CommitmentState.KEPT, "promise-kept"),
        (CommitmentState.DROPPED, "promise-late"),
        (CommitmentState.BROKEN, "promise-late"),
        (CommitmentState.OPEN, "promise-late"),
    ],
)
def test_those_promised_and_only_those_hear_what_became_of_it(state: CommitmentState, template: str) -> None:
    case = a_case(
        commitments=(a_commitment(state=state, audience="patients"), a_commitment(id="fix")), untold={"audit": 2}
    )
    (wanted,) = notices_wanted(case, step_of(case, "chase"), 5)
    assert wanted == Wanted(f"{template}-audit-2", template, "promised:audit", "audit", 2)


def test_a_promise_notice_is_not_drafted_again_while_one_waits() -> None:
    case = a_case(commitments=(a_commitment(state=CommitmentState.KEPT),), untold={"audit": 1}, notices=(a_notice(),))
    assert notices_wanted(case, step_of(case, "chase"), 2) == ()


def test_the_turn_that_drafted_a_promise_notice_still_wants_it() -> None:
    case = a_case(commitments=(a_commitment(state=CommitmentState.KEPT),), untold={"audit": 1}, notices=(a_notice(),))
    assert [wanted.id for wanted in notices_wanted(case, step_of(case, "chase"), 1)] == ["promise-kept-audit-1"]


def test_personal_channels_have_a_variant_per_locale_and_reader() -> None:
    """Personal channels have a variant for each locale and kind of reader in the audience."""
    kinds = (("en", Reader.SELF), ("en", Reader.GUARDIAN), ("zh-CN", Reader.SELF))
    readers = frozenset(TextName(*kind) for kind in kinds)
    variants = drafted(readers=Readers("a", 3, readers)).variants
    mails = {(v.locale, v.reader) for v in variants if v.channel is ChannelKind.EMAIL}
    assert mails == {("en", "self"), ("en", "guardian"), ("zh-CN", "self")}


def test_public_channels_have_a_variant_per_language() -> None:
    """Public channels have a variant for each language, addressed to the people concerned, whoever is in the
    audience.
    """
    variants = drafted(readers=Readers("a", 1, frozenset({TextName("en", Reader.GUARDIAN, GENERAL)}))).variants
    pages = {(v.locale, v.reader) for v in variants if v.channel is ChannelKind.WEBSITE}
    assert pages == {("en", "self"), ("zh-CN", "self")}


def test_a_channel_of_the_cascade_has_its_variants_too() -> None:
    step = step_of(a_case(), "first-notice").model_copy(update={"channels": (ChannelKind.WEBSITE,)})
    assert {v.channel for v in drafted(step=step).variants} == {ChannelKind.WEBSITE, ChannelKind.EMAIL, ChannelKind.SMS}


def test_no_variant_is_drafted_twice() -> None:
    ids = [variant.id for variant in drafted().variants]
    assert len(ids) == len(set(ids))


def readers_of(*locales: str) -> Readers:
    """Readers of these locales, all by the general law."""
    return Readers("a", len(locales), frozenset(TextName(locale, Reader.SELF, GENERAL) for locale in locales))


@pytest.mark.parametrize(("reads", "written_to_in"), [("en-GB", "en"), ("zh", "zh-CN"), ("zh-CN", "zh-CN")])
def test_a_reader_gets_the_nearest_words_of_the_language(reads: str, written_to_in: str) -> None:
    mails = drafted(readers=readers_of(reads)).variants
    assert [v.locale for v in mails if v.channel is ChannelKind.EMAIL] == [written_to_in]


@pytest.mark.parametrize("reads", ["fr", "zh-Hant", "zh-TW", "zh-HK", "zh-MO"])
def test_nothing_is_drafted_for_a_language_without_words(reads: str) -> None:
    """No notice is drafted for readers without words in their language or script, and nobody else's is kept back by
    a finding that does not say how many people it is and what to do."""
    case = a_case(audience=an_audience(by_locale={"en": 2, reads: 440}), assessment=an_assessment())
    with pytest.raises(ContentError) as error:
        drafted(case=case, readers=readers_of("en", reads))
    (finding,) = error.value.findings
    assert (finding.code, finding.what) == ("E113", f"440 people read {reads}; there are no words in it")
    assert f"`amends audience locales november-breach --rule {reads}=en --as NAME`" in finding.advice


def test_a_ruling_says_in_which_language_people_are_told() -> None:
    """Readers without words get those that a lead ruled, also where the ruling is on their language alone."""
    ruled = (a_ruling("fr", "zh-CN"), a_ruling("zh-HK", "en"))
    case = a_case(locale_rulings=ruled, assessment=an_assessment())
    found = drafted(case=case, readers=readers_of("fr", "fr-CA", "zh-HK"))
    assert {v.locale for v in found.variants if v.channel is ChannelKind.EMAIL} == {"en", "zh-CN"}
    assert found.instead == {"fr": "zh-CN", "fr-CA": "zh-CN", "zh-HK": "en"}
    said = {name: found.nearest(readers_name(name), ChannelKind.EMAIL, "en").locale for name in found.instead}
    assert said == found.instead


def readers_name(locale: str) -> TextName:
    return TextName(locale, Reader.SELF, GENERAL)


def test_words_go_before_a_ruling() -> None:
    found = drafted(case=a_case(locale_rulings=(a_ruling("zh-CN", "en"),), assessment=an_assessment()))
    assert {v.locale for v in found.variants} == {"en", "zh-CN"}
    assert found.instead == {}


def test_readers_without_a_text_are_a_finding() -> None:
    """Where there are templates in a language and no text of the incident, the finding names the text."""
    incident = an_incident(texts={"en": an_incident().texts["en"].model_dump()})
    with pytest.raises(
        ContentError, match=r"E113 1 person reads zh-CN; there are templates, but .* \(write texts.zh-CN"
    ):
        drafted(case=a_case(incident=incident, assessment=an_assessment()))


def test_a_text_without_templates_is_a_finding() -> None:
    """A text in a language without templates stops the draft, unless somebody ruled on the readers of the language."""
    story = an_incident().texts["en"].model_dump()
    incident = an_incident(texts={"en": story, "zh-CN": story, "de": story})
    with pytest.raises(ContentError, match=r"E114 texts\.de has no templates and is not used"):
        drafted(case=a_case(incident=incident, assessment=an_assessment()))
    ruled = a_case(incident=incident, assessment=an_assessment(), locale_rulings=(a_ruling("de", "en"),))
    assert {v.locale for v in drafted(case=ruled).variants} == {"en", "zh-CN"}


def test_no_notice_is_drafted_from_a_file_with_a_gap() -> None:
    """A file that lacks what every notice needs is refused with E112 and every key, before a template is read."""
    silent = an_incident(texts={"en": {"what_happened": "Data was copied."}})
    with pytest.raises(ContentError) as caught:
        drafted(words("{{ nothing }}"), case=a_case(incident=silent))
    assert [(finding.where, finding.code, finding.what.split()[0]) for finding in caught.value.findings] == [
        ("incident file of november-breach", "E112", f"texts.en.{name}")
        for name in ("in_short", "what_it_means", "what_we_do")
    ]


def test_a_notice_in_no_language_of_the_incident_is_refused() -> None:
    """A notice that has no language in common with the incident is refused with E120."""
    english = an_incident(texts={"en": an_incident().texts["en"].model_dump()})
    wording = a_wording(templates={f"first-notice/{file}": "x" for file in EVERY if file.startswith("zh")})
    with pytest.raises(ContentError, match="notices/first-notice E120"):
        drafted(wording, case=a_case(incident=english))


def test_a_missing_template_is_named() -> None:
    files = {path: text for path, text in words().templates.items() if path != "first-notice/en.sms.txt"}
    with pytest.raises(ContentError, match=r"notices/first-notice/en\.sms\.txt:1:1 E121 TemplateNotFound"):
        drafted(a_wording(templates=files))


@pytest.mark.parametrize(
    "wrong",
    [
        "{{ stroy }}",
        "{{ story.what_hapened }}",
        "{{ 1 + 'a' }}",
        "{{ 1 // 0 }}",
        "{% include 'nothing' %}",
        "{% if %}",
        "{{ none }}",
        "{{ promise.get('due') }}",
    ],
)
def test_a_fault_in_a_template_is_named_with_its_line(wrong: str) -> None:
    with pytest.raises(ContentError, match=r"notices/first-notice/en\.email\.md:3:1 E121"):
        drafted(words(en_email=f"Dear customer,\n\n{wrong}\n"))


def test_a_fault_in_an_included_template_is_named_there() -> None:
    wording = words(en_email="one\n{% include '_base/en.md' %}")
    templates = wording.templates | {"_base/en.md": "two\n\n\n{{ nothing }}"}
    with pytest.raises(ContentError, match=r"notices/_base/en\.md:4:1 E121"):
        drafted(a_wording(templates=templates))


@pytest.mark.parametrize("bomb", ["{{ 'a' * 10**10 }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"])
def test_a_template_that_asks_for_too_much_is_named(bomb: str) -> None:
    with pytest.raises(ContentError, match=r"notices/first-notice/en\.email\.md:3:1 E129 .*docs/playbooks\.md"):
        drafted(words(en_email=f"One\n\n{bomb}"))


@pytest.mark.parametrize("attack", ["{{ ''.__class__.__mro__ }}", "{{ promises.append(1) }}"])
def test_a_template_reaches_nothing_but_its_values(attack: str) -> None:
    with pytest.raises(ContentError, match="SecurityError"):
        drafted(words(attack))


def test_a_text_of_the_incident_is_never_run_as_a_template() -> None:
    story = an_incident().texts["en"].model_dump() | {"what_happened": "{{ 7 * 7 }}"}
    incident = an_incident(texts={"en": story})
    assert text_of(drafted(case=a_case(incident=incident), readers=readers_of("en"))) == "{{ 7 * 7 }}"


PROMISES = "{% for promise in promises %}{{ promise.text }} {{ promise.due }} {{ promise.state }}\n{% endfor %}"


def test_the_first_notice_gives_the_promises_of_its_audience() -> None:
    promises = (a_promise(), a_promise(id="for-patients", audience="patients"))
    case = a_case(playbook=a_playbook(commitments=[promise.model_dump() for promise in promises]))
    given = drafted(words(PROMISES), case=case).commitments
    assert [(promise.id, promise.made_in, promise.due_at) for promise in given] == [
        ("audit", "first-notice", NOW + 60 * DAY)
    ]


def test_a_first_notice_lists_its_promises_by_date() -> None:
    later, sooner = a_promise(due="60d"), a_promise(id="call-back", due="7d")
    case = a_case(playbook=a_playbook(commitments=[promise.model_dump() for promise in (later, sooner)]))
    assert [promise.id for promise in drafted(words(PROMISES), case=case).commitments] == ["call-back", "audit"]


def test_the_text_of_a_notice_lists_what_it_promises() -> None:
    assert text_of(drafted(words(PROMISES))).endswith("we will publish what it finds. 23 January 2027 open")


def test_a_promise_is_given_once() -> None:
    assert drafted(words(PROMISES), case=a_case(commitments=(a_commitment(),))).commitments == ()


def test_a_promise_that_no_text_states_is_not_given() -> None:
    assert drafted(words("We are sorry.")).commitments == ()


def update_of(case: Case) -> Draft:
    """The first update, which lists the promises."""
    wanted = Wanted("update-1", "update", EVERYONE)
    return drafted(words(PROMISES, notice="update"), case=case, step=step_of(case, "update"), wanted=wanted)


def test_a_promise_planned_later_is_given_by_an_update() -> None:
    """A commitment that the incident file brings after people were told is made by the next update, with its date
    counted from then; see the fifth of the surprises in the walk through the product.
    """
    events = {"opened": NOW, "assessed": NOW, "notified": NOW}
    incident = an_incident(commitments=[a_promise(id="new-locks", due="7d").model_dump()])
    case = a_case(incident=incident, events=events, assessment=an_assessment(), commitments=(a_commitment(),))
    (given,) = update_of(case).commitments
    assert (given.id, given.made_in, given.due_at) == ("new-locks", "update-1", NOW + 7 * DAY)
    assert "new-locks" in " ".join(statement.key for statement in update_of(case).statements)


def test_a_survey_or_a_follow_up_gives_no_promises() -> None:
    promise = a_commitment(id="audit", state=CommitmentState.KEPT)
    incident = an_incident(commitments=[a_promise(id="new-locks").model_dump()])
    case = a_case(incident=incident, commitments=(promise,))
    step, wanted = step_of(case, "chase"), notice_about(promise, 1)
    assert drafted(words(PROMISES, notice="promise-kept"), case=case, step=step, wanted=wanted).commitments == ()


def test_a_commitment_not_worded_in_each_language_is_refused() -> None:
    """A commitment that has no words in a language of the notice is refused with E110."""
    english_only = a_promise(promise={"en": "We will have our systems checked."})
    case = a_case(playbook=a_playbook(commitments=[english_only.model_dump()]))
    with pytest.raises(ContentError, match=r"commitments\.audit\.promise E110 says nothing in zh-CN"):
        drafted(words(PROMISES), case=case)


def test_who_recorded_the_evidence_is_an_author_of_the_notice() -> None:
    """The member who recorded the evidence of a commitment is an author of the notice about this commitment, and the
    member who worded another commitment is not.
    """
    promise = a_commitment(id="audit", state=CommitmentState.KEPT)
    case = a_case(commitments=(promise,), worded_by={"audit": "omar", "fix": "wei"})
    said = drafted(words("Done.", notice="promise-kept"), case=case, wanted=notice_about(promise, 1))
    assert said.authors == (case.author, "omar")


def test_a_notice_about_a_promise_knows_its_fate() -> None:
    reason = {"en": "The firm is ill.", "zh-CN": "机构延期。"}
    put_off = a_commitment(audience="patients", new_due_at=NOW + 90 * DAY, reason=reason)
    late = {"open": "open", "late": "late"}
    wording = words("{{ promise.state }}: {{ promise.reason }} {{ promise.new_due }}", notice="promise-late")
    wording = wording.model_copy(
        update={"phrases": {k: p.model_copy(update={"commitment_states": late}) for k, p in wording.phrases.items()}}
    )
    wanted = Wanted("promise-late-audit-1", "promise-late", Segment("patients"), "audit", 1)
    case = a_case(commitments=(put_off,))
    said = drafted(wording, case=case, step=step_of(case, "first-notice"), wanted=wanted)
    assert text_of(said) == "late: The firm is ill. 22 February 2027"


def about_a_kept_promise(evidence: dict[str, str]) -> Draft:
    kept = a_commitment(id="audit", state=CommitmentState.KEPT, evidence=evidence)
    wording = words("Shown by {{ promise.evidence }}.", notice="promise-kept")
    return drafted(wording, case=a_case(commitments=(kept,)), wanted=notice_about(kept, 1))


@pytest.mark.parametrize(("locale", "shown"), [("en", "Report 17"), ("zh-CN", "第17号报告")])
def test_evidence_of_a_commitment_is_told_in_the_language_of_the_text(locale: str, shown: str) -> None:
    """The evidence that a commitment was kept is told in the language in which the message is written."""
    said = about_a_kept_promise({"en": "Report 17", "zh-CN": "第17号报告"})
    assert text_of(said, locale) == f"Shown by {shown}."


def test_evidence_not_worded_in_a_language_of_the_notice_is_refused() -> None:
    """Evidence that has no words in a language of the notice is refused with E110."""
    with pytest.raises(ContentError, match="evidence of audit E110 says nothing in zh-CN"):
        about_a_kept_promise({"en": "Report 17"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "open"),
        ({"due_at": NOW - DAY}, "late"),
        ({"new_due_at": NOW + DAY}, "late"),
        ({"state": CommitmentState.KEPT, "due_at": NOW - DAY}, "kept"),
        ({"state": CommitmentState.DROPPED}, "dropped"),
    ],
)
def test_a_promise_is_open_kept_late_or_dropped(changes: dict[str, Any], expected: str) -> None:
    assert fate(a_commitment(**changes), NOW) == expected


NEWS = "{% for item in news %}{{ item.date }}: {{ item.text }}\n{% endfor %}"


def an_update(*news: tuple[int, str], told: int) -> str:
    """The text of the update that is drafted ten days later, with this news by day; so many were told to all."""
    incident = an_incident(news=[{"at": NOW + day * DAY, "text": text} for day, text in news])
    case = a_case(incident=incident, news_told=incident.news[:told])
    wanted = Wanted("update-1", "update", EVERYONE)
    said = drafted(
        words(NEWS, notice="update"), case=case, step=step_of(case, "update"), wanted=wanted, now=NOW + 10 * DAY
    )
    return text_of(said)


def test_an_update_tells_what_is_new_by_now_and_was_not_told_to_all() -> None:
    text = an_update((0, "old"), (2, "handed in late"), (5, "new"), (11, "later"), told=1)
    assert text == "26 November 2026: handed in late\n29 November 2026: new"


def test_an_update_says_what_people_told_us() -> None:
    def rated(question: str, mean: float) -> QuestionResult:
        return QuestionResult(question=question, mean=Estimate(value=mean, low=1, high=5, answers=1234))

    told = {"invited": 5000, "answered": 1240, "counted": 1234, "released_at": NOW, "survey": "how-we-did"}
    results = SurveyResults(**told, invitation="survey", questions=(rated("understood", 4.1), rated("trust_now", 2.2)))
    for surveys, said in (((), ""), ((results,), "1234: I understood it. I trust you now.")):
        case = a_case(surveys=surveys)
        text = "{% if survey %}{{ survey.answers }}: {{ survey.best }} {{ survey.lowest }}{% endif %}"
        wanted = Wanted("update-1", "update", EVERYONE)
        draft = drafted(words(text, notice="update"), case=case, step=step_of(case, "update"), wanted=wanted)
        assert text_of(draft) == said


def test_parts_are_split_from_the_text_and_leave_no_mark() -> None:
    body = "{{ part('what_happened') }}It happened.\n\n{{ part('what_we_do') }}We act."
    variant = variant_of(drafted(words(en_email=body)), "en", ChannelKind.EMAIL)
    assert variant.parts == {"what_happened": "It happened.", "what_we_do": "We act."}
    assert variant.text == "It happened.\n\nWe act."


def test_a_text_without_parts_is_left_as_it_is() -> None:
    assert split_parts("  plain  ") == ("plain", {})


def test_the_subject_is_set_by_the_template() -> None:
    variant = variant_of(drafted(words(en_email="{% set subject = 'Your data' %}x")), "en", ChannelKind.EMAIL)
    assert (variant.subject, variant.text) == ("Your data", "x")


def test_what_differs_from_person_to_person_is_only_a_slot() -> None:
    text = text_of(drafted(words("{{ person.name }} {{ person.your_data }} {{ person.link }} {{ person.child }}")))
    link = f"https://betapai.example/p/{Slot.PERSONAL_LINK.mark}"
    assert text == f"{Slot.NAME.mark} {Slot.YOUR_DATA.mark} {link} {Slot.CHILD.mark}"


def test_a_draft_names_its_page_and_the_time_of_the_next_news() -> None:
    draft = drafted(words("{{ page }} {{ next_news }} {{ dated }} {{ data_in_words }}"))
    assert text_of(draft) == (
        "https://betapai.example/n/november-breach/en/first-notice.html Saturday, 28 November 2026, 09:00 UTC 24 November 2026 "
        "name, contact details and password in scrambled form"
    )
    assert draft.next_news_at == NEXT_NEWS


def the_update(text: str, *told: NoticeStatus, **readers: Any) -> Draft:
    """The first update, with this text on every channel, after these notices."""
    case = a_case(events={"opened": NOW, "notified": NOW}, assessment=an_assessment(), notices=told)
    given = Readers("audience-1:everyone", 3, BOTH_SELVES, **readers)
    wanted = Wanted("update-1", "update", EVERYONE)
    return drafted(
        words(text, notice="update"),
        case=case,
        step=step_of(case, "update"),
        wanted=wanted,
        readers=given,
        now=NOW + DAY,
    )


def test_surprise_17_a_message_leads_to_the_page_of_its_own_notice() -> None:
    """A link in an old message leads to what that message told; the page itself says what is newer."""
    assert text_of(the_update("{{ page }}")) == f"{LINKS.page('november-breach', 'en')}update-1.html"


def test_a_message_without_a_page_leads_to_the_latest_one() -> None:
    case = a_case(events={"opened": NOW, "assessed": NOW}, assessment=an_assessment())
    alone = step_of(case, "first-notice").model_copy(update={"channels": (ChannelKind.EMAIL,)})
    told = drafted(words("{{ page }}"), case=case, step=alone)
    assert text_of(told) == LINKS.page("november-breach", "en")


WRONG_PAGES = Pages(wrong={PageVersion("first-notice", NOW): frozenset({"cause"})})


def test_a_page_corrects_only_what_it_states() -> None:
    stating, silent = (the_update(f"{text} x", pages=WRONG_PAGES) for text in ('{{ states("cause") }}', "{{ people }}"))
    assert ([one.notice for one in stating.corrects], silent.corrects) == (["first-notice"], ())


def found_out(day: str) -> dict[str, Statement]:
    return {"discovered": Statement(key="discovered", value=day)}


def test_a_page_published_again_shows_each_change_and_quotes_the_old() -> None:
    """A value that was changed again is a quote too, as is an earlier date: the facts know neither any more."""
    text = (
        "{% for one in revisions %}{{ one.date }}:{% for change in one.changes %} {{ change.was }}, {{ change.now }}"
        "{{ ', overtaken' if change.overtaken }}\n{% endfor %}{% endfor %}"
    )
    known = stated_by(an_incident(), 3)
    earlier = {
        PageVersion("update-1", NOW - 3 * DAY): known | found_out("2026-11-20"),
        PageVersion("update-1", NOW - 2 * DAY): known | found_out("2026-11-21"),
    }
    draft = the_update(text, pages=Pages(earlier=earlier))
    page = variant_of(draft, "en", ChannelKind.WEBSITE)
    assert page.text.splitlines() == [
        "25 November 2026: 21 November 2026, 23 November 2026",
        "22 November 2026: 20 November 2026, 21 November 2026, overtaken",
    ]
    assert page.quotes == tuple(page.text.splitlines())
    assert draft.first_dated == NOW - 3 * DAY
    assert text_of(draft) == "", "no email lists the changes of a page"


def test_drafting_twice_at_the_same_time_gives_the_same_binding() -> None:
    assert drafted().binding == drafted().binding


@pytest.mark.parametrize(
    "change",
    [
        {"variants": (a_variant(text="Something else."),)},
        {"variants": (a_variant(subject="Something else"),)},
        {"variants": (a_variant(reader=Reader.GUARDIAN),)},
        {"audience": "patients"},
        {"audience_digest": "audience-2"},
        {"people": 4},
        {"channels": (ChannelKind.EMAIL,)},
        {"cascade": (ChannelKind.SMS,)},
        {"approvals": ApprovalRule(needed=1)},
        {"facts_digest": "facts-2"},
        {"planned_for": NOW + 2 * DAY},
        {"next_news_at": NOW + 5 * DAY},
        {"dated": NOW + DAY},
        {"commitments": (a_commitment(),)},
        {"author": "mei"},
        {"earlier_authors": ("mei",)},
        {"change": 1},
        {"first_dated": NOW - DAY},
        {"corrects": (PageVersion("first-notice", NOW),)},
    ],
)
def test_a_change_of_anything_that_is_approved_changes_the_binding(change: dict[str, Any]) -> None:
    before = a_draft(variants=(a_variant(),))
    assert before.model_copy(update=change).binding != before.binding


def test_a_draft_is_outdated_when_the_time_it_names_has_passed() -> None:
    assert a_draft(next_news_at=NOW).outdated(NOW)
    assert not a_draft(next_news_at=NOW + DAY).outdated(NOW)
    assert not a_draft(next_news_at=None).outdated(NOW + 300 * DAY)


ITEMS = {name: Item(says=name) for name in ("nature", "people_count", "freeze")}
LETTERS = Addenda(
    items=ITEMS,
    addenda=(
        Addendum(id="us", places=("US",), adds=("freeze",)),
        Addendum(id="us-ma", places=("US-MA",), adds=("freeze",), leaves_out=("nature", "people_count")),
    ),
)
TOLD_APART = (
    '{% if addendum.says("nature") %}{{ item("nature") }}{{ story.what_happened }}{% endif %}'
    '{% if addendum.says("freeze") %}{{ item("freeze") }}Freeze it.{% endif %}'
)
IN_THREE_STATES = frozenset(TextName("en", Reader.SELF, letter) for letter in (GENERAL, "us", "us-ma"))


def in_letters(text: str = TOLD_APART, *, notice: str = "first-notice", **changes: Any) -> Draft:
    """A notice of this text for readers with three different letters."""
    wording = words(text, notice=notice).model_copy(update={"addenda": LETTERS})
    return drafted(wording, **({"readers": Readers("a", 3, IN_THREE_STATES)} | changes))


def test_each_addendum_of_the_audience_is_a_variant() -> None:
    """Each addendum that the audience needs, the general one included, is a variant on each personal channel."""
    found = {(variant.addendum, variant.channel) for variant in in_letters().variants if variant.channel.personal}
    assert found == {(letter, kind) for letter in (GENERAL, "us", "us-ma") for kind in ("email", "sms")}


def test_no_variant_is_written_in_a_letter_that_nobody_needs() -> None:
    readers = Readers("a", 1, frozenset({TextName("en", Reader.SELF, "us-ma")}))
    assert {v.addendum for v in in_letters(readers=readers).variants if v.channel.personal} == {"us-ma"}


def test_the_public_reads_the_general_letter_whoever_the_readers_are() -> None:
    readers = Readers("a", 1, frozenset({TextName("en", Reader.SELF, "us-ma")}))
    public = {v.addendum for v in in_letters(readers=readers).variants if not v.channel.personal}
    assert public == {GENERAL}


def test_a_template_leaves_out_and_adds_as_the_letter_asks() -> None:
    draft = in_letters()
    texts = {letter: variant_of(draft, "en", ChannelKind.EMAIL, letter) for letter in ("us", "us-ma")}
    happened = an_incident().texts["en"].what_happened
    assert {letter: variant.text for letter, variant in texts.items()} == {
        "us": f"{happened}Freeze it.",
        "us-ma": "Freeze it.",
    }
    assert {letter: variant.items for letter, variant in texts.items()} == {
        "us": ("freeze", "nature"),
        "us-ma": ("freeze",),
    }


def test_later_notices_are_general_unless_something_is_forbidden() -> None:
    """A notice other than a first notice has only the general variant, and one for each addendum by which something
    must be left out.
    """
    case = a_case(events={"opened": NOW})
    wanted = Wanted("update-1", "update", EVERYONE)
    draft = in_letters(notice="update", case=case, step=step_of(case, "update"), wanted=wanted)
    assert {v.addendum for v in draft.variants if v.channel.personal} == {GENERAL, "us-ma"}


def test_a_variants_name_tells_its_addendum_unless_it_is_general() -> None:
    """The name of a variant contains its addendum, unless it is the general one."""
    names = {variant.id for variant in in_letters().variants if variant.channel is ChannelKind.EMAIL}
    assert names == {"en/self/email", "en/self/us/email", "en/self/us-ma/email"}


@pytest.mark.parametrize("wrong", ['{{ item("natre") }}', '{{ addendum.says("natre") }}'])
def test_an_item_that_there_is_not_is_named_with_its_line(wrong: str) -> None:
    with pytest.raises(ContentError, match=r"email\.md:2:1 E121 KeyError: 'natre'"):
        in_letters(f"one\n{wrong}")


def test_a_draft_with_other_letters_is_bound_otherwise() -> None:
    assert a_variant(addendum="us").addendum == "us"
    before = a_draft(variants=(a_variant(),))
    assert before.model_copy(update={"variants": (a_variant(addendum="us"),)}).binding != before.binding


NATURE, COUNT, FREEZE = (mark_items((name,), ITEMS) for name in ("nature", "people_count", "freeze"))
END = mark_items((), ITEMS)


@pytest.mark.parametrize(
    ("text", "plain", "items"),
    [
        ("plain", "plain", ()),
        (f"{NATURE}It happened.", "It happened.", ("nature",)),
        (f"{NATURE}{COUNT}Three.", "Three.", ("people_count",)),
        (f"{FREEZE}Freeze. {NATURE}It happened.", "Freeze. It happened.", ("freeze", "nature")),
        (f"{NATURE}  \n- {END}More.", "  \n- More.", ()),
        (f"{NATURE}{PART_OPEN}steps{PART_CLOSE}Act.", f"{PART_OPEN}steps{PART_CLOSE}Act.", ()),
        (f"{mark_items(('nature', 'freeze'), ITEMS)}Both.", "Both.", ("freeze", "nature")),
        (f"{NATURE}发生了。", "发生了。", ("nature",)),
        (f"{NATURE}{Slot.NAME.mark}", Slot.NAME.mark, ("nature",)),
    ],
)
def test_an_item_is_said_when_text_follows_its_mark(text: str, plain: str, items: tuple[str, ...]) -> None:
    """An item counts as said when text stands between its mark and the next mark.

    The marks themselves are taken out of the text.
    """
    assert split_items(text) == (plain, items)


def test_marks_of_items_leave_no_trace_in_text_parts_and_subject() -> None:
    body = '{% set subject %}{{ item("nature") }}News{% endset %}{{ part("steps") }}{{ item("nature") }}Act.'
    variant = variant_of(in_letters(body), "en", ChannelKind.EMAIL)
    assert (variant.subject, variant.text, variant.parts) == ("News", "Act.", {"steps": "Act."})


@pytest.mark.parametrize(
    ("phone", "free"),
    [
        ("+1 800 555 0100", "yes"),
        ("1-888-555-0100", "yes"),
        ("(833) 555-0100", "yes"),
        ("+1 202 555 0800", ""),
        ("+49 30 5550100", ""),
        ("+86 571 5550 0142", ""),
        ("+86 800 555 0100", ""),
    ],
)
def test_a_number_that_is_free_in_north_america_is_known(phone: str, free: str) -> None:
    given = an_incident().organisation.model_dump()
    organisation = given | {"contacts": given["contacts"] | {"phone": phone}}
    case = a_case(incident=an_incident(organisation=organisation))
    assert text_of(drafted(words("{{ organisation.toll_free }}"), case=case)) == free


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"encrypted_at_rest": False, "recipient": {"kind": "unknown_attacker"}}, "no yes"),
        ({"encrypted_at_rest": True, "recipient": {"kind": "former_employee"}}, "yes"),
        ({"encrypted_at_rest": {"value": True, "certainty": "suspected"}}, ""),
        ({"recipient": {"value": {"kind": "unknown_thief"}, "certainty": "suspected"}}, ""),
        ({}, ""),
    ],
)
def test_encryption_and_an_unknown_holder_are_told_only_if_confirmed(facts: dict[str, Any], said: str) -> None:
    """Whether the data was encrypted, and that nobody knows who has it, is told only when the facts are confirmed."""
    case = a_case(incident=an_incident(facts=facts))
    assert text_of(drafted(words("{{ encrypted }} {{ nobody_knows_who }}"), case=case)) == said


def test_a_draft_states_what_its_variants_print() -> None:
    """A variant names the statements that its own text makes, and the draft has the value of each."""
    told = drafted(words("{{ story.what_happened }}", en_email="{{ discovered }} {{ person.your_data }}"))
    email, page = (variant_of(told, "en", kind) for kind in (ChannelKind.EMAIL, ChannelKind.WEBSITE))
    assert email.states == ("discovered", "elements")
    assert {"cause", "vector"} <= set(page.states)
    assert told.said_in(email)["discovered"].value == f"{an_incident().times.events['discovered']:%Y-%m-%d}"
    assert {statement.key for statement in told.statements} == {*email.states, *page.states}


def test_what_the_incident_file_says_of_a_text_is_what_it_states() -> None:
    incident = an_incident().model_copy(update={"states": {"what_happened": (StatementKey.RECIPIENT,)}})
    case = a_case(incident=incident, events={"opened": NOW, "assessed": NOW}, assessment=an_assessment())
    told = drafted(words("{{ story.what_happened }}"), case=case)
    assert set(variant_of(told, "en", ChannelKind.EMAIL).states) <= {"recipient"}


def test_another_value_of_a_statement_needs_other_approvals() -> None:
    incident = an_incident()
    other = incident.facts.model_copy(update={"cause": Fact[Cause](value=Cause.HUMAN_ERROR, certainty="confirmed")})
    amended = incident.model_copy(update={"facts": other})
    bindings = {
        drafted(case=a_case(incident=one, events={"opened": NOW, "assessed": NOW}, assessment=an_assessment())).binding
        for one in (incident, amended)
    }
    assert len(bindings) == 2


@pytest.mark.parametrize(
    ("people", "list_is", "said"),
    [
        ({"min": 2}, "whole", "at least 2"),
        (4, "whole", "4"),
        (None, "whole", "3"),
        (None, "first_part", "at least 3"),
        ({"min": 61_000}, "first_part", "at least 61000"),
        (120_000, "first_part", "120000"),
    ],
)
def test_the_number_of_people_comes_from_the_facts(people: Any, list_is: str, said: str) -> None:
    """A text names the number that the facts give, and the size of the list where the facts give none.

    A list that is the first part is the least number, and never the number itself.
    """
    facts = Facts.model_validate(an_incident().facts.model_dump() | {"people": people})
    incident = an_incident().model_copy(update={"facts": facts, "list_is": ListExtent(list_is)})
    case = a_case(incident=incident, events={"opened": NOW, "assessed": NOW}, assessment=an_assessment())
    assert text_of(drafted(words("{{ people }}"), case=case)) == said


def test_no_notice_promises_a_day_that_has_passed() -> None:
    case = a_case(incident=an_incident(commitments=(a_promise(due="2020-03-31"),)))
    with pytest.raises(ContentError, match=r"commitments\.audit\.due E125 2020-03-31 has passed"):
        drafted(case=case)
