"""What people say about themselves on their page: recorded once, undone where it can be, and never on a GET."""

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.people.preference import Preference
from amends.domain.people.report import PageReportKind, PageReportState
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.web.scene import ADA, INCIDENT, Clock, Visitor

OMAR = Member(name="omar", role=TeamRole.LEGAL)
FORMS = ("wrong", "address", "prefer", "tick", "data")


def fill(visitor: Visitor, form: str, **fields: str) -> int:
    """Read the page, take a while, send; the status of the answer."""
    token = visitor.token(form)
    visitor.clock.forward(seconds=30)
    return visitor.send(form, {"form": token} | fields).status_code


def hold(ledger: Ledger) -> str:
    with ledger.store.read() as session:
        return str(session.connection().exec_driver_sql("SELECT hold FROM person WHERE number = 1").scalar_one())


def test_this_is_not_me_holds_the_person_and_is_thanked(ledger: Ledger, ada: Visitor) -> None:
    assert fill(ada, "wrong", wrong_text="I am <b>Bob</b>.") == 303
    (report,) = ledger.reports.all(INCIDENT)
    assert (report.kind, report.text, report.state) == (
        PageReportKind.WRONG_PERSON,
        "I am <b>Bob</b>.",
        PageReportState.OPEN,
    )
    assert hold(ledger) == "wrong_person"
    assert "until one of us has looked at it" in ada.look().text


def test_an_outdated_address_comes_with_the_new_one(ledger: Ledger, ada: Visitor) -> None:
    assert fill(ada, "address", email=" ada@new.example ", phone="030 5550199") == 303
    (report,) = ledger.reports.all(INCIDENT)
    assert (report.email, report.phone) == ("ada@new.example", "+49305550199")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "ada at home"}, "This does not look like an email address."),
        ({"email": "ada@new.example,bob@new.example"}, "This does not look like an email address."),
        ({"phone": "call me"}, "This does not look like a phone number."),
        ({"email": " "}, "Please write something first."),
        ({"address_text": "x" * 1001}, "This text is too long."),
    ],
)
def test_an_address_that_cannot_be_read_is_given_back(
    ledger: Ledger, ada: Visitor, fields: dict[str, str], said: str
) -> None:
    token = ada.token("address")
    ada.clock.forward(seconds=30)
    answer = ada.send("address", {"form": token} | fields)
    assert answer.status_code == 422
    assert answer.text.count(said) == 2  # above the page, and beside the field
    assert "<details open>" in answer.text
    assert ledger.reports.all(INCIDENT) == ()


def test_a_decision_is_read_on_the_page(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    fill(ada, "address", email="ada@new.example")
    ledger.reports.refuse(INCIDENT, 1, "We could not reach you <there>.", "omar", clock())
    page = ada.look().text
    assert "We could not reach you &lt;there&gt;." in page
    assert "My address is outdated" in page


def test_a_step_is_ticked_and_unticked(ledger: Ledger, ada: Visitor) -> None:
    assert fill(ada, "tick", step="payment_card", done="1") == 303
    assert ledger.choices.ticked(INCIDENT, ADA) == {"payment_card"}
    assert "Not done yet" in ada.look().text
    assert "这一步我做好了" in ada.look("?lang=zh-CN").text
    assert fill(ada, "tick", step="payment_card", done="") == 303
    assert ledger.choices.ticked(INCIDENT, ADA) == frozenset()
    assert "Not done yet" not in ada.look().text


def test_a_step_that_is_not_on_the_page_is_passed_over(ledger: Ledger, ada: Visitor) -> None:
    assert fill(ada, "tick", step="../health", done="1") == 303
    assert ledger.choices.ticked(INCIDENT, ADA) == frozenset()


def test_a_chosen_language_is_that_of_page_and_questions(ledger: Ledger, ada: Visitor) -> None:
    assert fill(ada, "prefer", locale="zh-CN", channel="sms") == 303
    assert ledger.choices.preference(INCIDENT, ADA) == Preference(locale="zh-CN", channel=ChannelKind.SMS)
    assert '<html lang="zh-CN">' in ada.look().text
    ada.ask("在吗？")
    assert ledger.questions.get(INCIDENT, 1).locale == "zh-CN"
    assert '<html lang="en">' in ada.look("?lang=en").text


def test_a_wish_for_what_is_not_offered_is_no_wish(ledger: Ledger, ada: Visitor) -> None:
    fill(ada, "prefer", locale="xx", channel="website")
    assert ledger.choices.preference(INCIDENT, ADA) == Preference()


def test_a_copy_is_asked_for_offered_and_downloaded(ledger: Ledger, ada: Visitor, li: Visitor, clock: Clock) -> None:
    assert fill(ada, "data") == 303
    assert "You get the copy or an answer on this page by 24 January 2027." in ada.look().text
    assert ada.client.get(f"{ada.page}/copy").status_code == 404
    ledger.requests.approve(INCIDENT, 1, "<p>Ada</p>", OMAR, clock())
    assert "Your copy is ready." in ada.look().text
    answer = ada.client.get(f"{ada.page}/copy")
    assert (answer.status_code, answer.text) == (200, "<p>Ada</p>")
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.html"'
    assert li.client.get(f"{li.page}/copy").status_code == 404
    clock.forward(days=14)
    assert ada.client.get(f"{ada.page}/copy").status_code == 404


def test_a_refused_request_says_why_and_may_be_made_again(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    fill(ada, "data")
    ledger.requests.refuse(INCIDENT, 1, "Please call us first.", OMAR, clock())
    assert "Please call us first." in ada.look().text
    assert fill(ada, "data") == 303
    assert [request.state.value for request in ledger.requests.all(INCIDENT)] == ["refused", "open"]


@pytest.mark.parametrize("form", FORMS)
def test_looking_at_a_form_changes_nothing(ledger: Ledger, ada: Visitor, form: str) -> None:
    before = ledger.audit.entries(INCIDENT)
    assert ada.client.get(f"{ada.page}/{form}", follow_redirects=False).status_code == 303
    ada.look(f"?sent={form}")
    assert ledger.audit.entries(INCIDENT) == before


@pytest.mark.parametrize("form", FORMS)
def test_a_form_with_a_token_of_another_is_refused(ledger: Ledger, ada: Visitor, form: str) -> None:
    token = ada.token()
    ada.clock.forward(seconds=30)
    answer = ada.send(form, {"form": token, "email": "ada@new.example", "step": "payment_card", "done": "1"})
    assert answer.status_code == 422
    assert not ledger.reports.all(INCIDENT)
    assert not ledger.requests.all(INCIDENT)
    assert not ledger.choices.ticked(INCIDENT, ADA)


@pytest.mark.parametrize("form", ["wrong", "address"])
def test_a_machine_that_fills_in_every_field_reports_nothing(ledger: Ledger, ada: Visitor, form: str) -> None:
    assert fill(ada, form, homepage="https://spam.example", email="a@b.example") == 422
    assert not ledger.reports.all(INCIDENT)


def test_a_link_lasts_while_the_case_is_open_and_a_year_after(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    clock.forward(days=800)
    assert ada.look().status_code == 200
    ledger.incidents.close(INCIDENT, "lena", clock())
    clock.forward(days=364)
    assert ada.look().status_code == 200
    clock.forward(days=2)
    expired, wrong = ada.look(), ada.client.get("/p/" + "x" * 27)
    assert expired.status_code == 404
    assert expired.text == wrong.text  # it says nothing of whether somebody is in the list
    assert "call us to get a new one" in expired.text
    assert ada.send("ask", {"text": "Hello?"}).status_code == 404


def test_a_renewed_link_lasts_for_a_year_again(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    ledger.incidents.close(INCIDENT, "lena", clock())
    clock.forward(days=400)
    token = ledger.choices.renew_link(INCIDENT, ADA, "omar", clock())
    assert ada.look().status_code == 404
    assert ada.client.get(f"/p/{token}").status_code == 200
