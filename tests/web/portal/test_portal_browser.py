"""The portal in a real browser: small and large screens, two languages, no JavaScript, keyboard only."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from amends.ledger import Ledger
from amends.settings import Settings
from amends.web.app import create_app
from tests.builders import an_asked
from tests.web.scene import ADA, INCIDENT, LI, Clock, ask_about_us

CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run"]
PICTURES = Path(__file__).parents[3] / "test-output"
WIDTHS = (320, 390, 1280)
READERS = {"en": ADA, "zh-CN": LI}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium at /usr/bin/chromium or /usr/bin/chromium-browser"),
]

FAINT_TEXT = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((part) => part / 255)
      .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return getComputedStyle(document.documentElement).colorScheme === 'dark' ? 'rgb(0,0,0)' : 'rgb(255,255,255)';
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!says || !element.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${element.tagName} ${element.className} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
UNNAMED_FIELDS = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter((field) => !field.closest('[aria-hidden]'))
  .filter((field) => !field.labels.length && !document.getElementById(field.getAttribute('aria-labelledby')))
  .map((field) => field.outerHTML)"""
TOUCHING = """() => [...document.querySelectorAll('.fate > * + *, nav li + li')]
  .filter((each) => {
    const [before, here] = [each.previousElementSibling.getBoundingClientRect(), each.getBoundingClientRect()];
    return before.bottom > here.top && here.left - before.right < 4;
  })
  .map((each) => each.outerHTML)"""
TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


@dataclass
class Desk:
    """A browser before a running portal."""

    browser: Browser
    url: str
    ledger: Ledger
    clock: Clock
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str, *, width: int = 1280, **options: Any) -> Page:
        context = self.browser.new_context(viewport={"width": width, "height": 844}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.url + path)
        return page

    def page_of(self, locale: str, **options: Any) -> Page:
        return self.open(f"/p/{self.ledger.people.link_of(INCIDENT, READERS[locale])}", **options)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def desk(browser: Browser, settings: Settings, ledger: Ledger, clock: Clock) -> Iterator[Desk]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(settings.model_copy(update={"public_url": url}), ledger, clock)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        _wait_for(lambda: server.started)
        opened = Desk(browser, url, ledger, clock)
        yield opened
        for context in opened.contexts:
            context.close()
        server.should_exit = True
        thread.join()


def _wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, "the portal did not start"
        time.sleep(0.01)


def take_picture(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"portal-{name}.png", full_page=True)


@pytest.fixture
def told_more(ledger: Ledger, clock: Clock) -> None:
    """Ada and Li Lei each have one answered question and one that waits."""
    said = {
        "en": (
            "Was my bank card copied, too?",
            "Yes. Please call your bank; we pay the fee.",
            "When will you know more?",
        ),
        "zh-CN": ("我的银行卡信息也被复制了吗？", "是的。请致电银行换卡，费用由我们承担。", "什么时候会有新消息？"),
    }
    for locale, (asked, answer, open_one) in said.items():
        for text in (asked, open_one):
            question = an_asked(text, person=READERS[locale], locale=locale, at=clock())
            number = ledger.questions.ask(INCIDENT, question, clock())
            if text == asked:
                ledger.questions.answer(INCIDENT, number, answer, "wei", clock())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", READERS)
def test_a_page_fits_its_screen(desk: Desk, told_more: None, locale: str, width: int) -> None:
    page = desk.page_of(locale, width=width)
    take_picture(page, f"{locale}-{width}")
    assert not page.evaluate(TOO_WIDE)
    assert desk.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", READERS)
def test_all_text_stands_out_from_its_ground(desk: Desk, told_more: None, locale: str, scheme: str) -> None:
    page = desk.page_of(locale, width=390, color_scheme=scheme)
    take_picture(page, f"{locale}-{scheme}")
    assert page.evaluate(FAINT_TEXT) == []


def test_every_field_has_a_name_and_the_page_one_heading(desk: Desk) -> None:
    ask_about_us(desk.ledger)
    page = desk.page_of("en")
    assert page.evaluate(UNNAMED_FIELDS) == []
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("fieldset > legend")).to_have_count(3)


@pytest.mark.parametrize("locale", READERS)
def test_a_question_is_asked_without_javascript(desk: Desk, locale: str) -> None:
    page = desk.page_of(locale, width=390, java_script_enabled=False)
    page.locator("#text").fill("Was my card copied? 我的卡呢？")
    page.locator("#kind").select_option("complaint")
    desk.clock.forward(seconds=30)
    page.locator("#ask button").click()
    expect(page.locator("#ask .thanks")).to_be_visible()
    take_picture(page, f"{locale}-thanks")
    (question,) = desk.ledger.questions.all(INCIDENT)
    assert (question.text, question.kind, question.locale) == ("Was my card copied? 我的卡呢？", "complaint", locale)


@pytest.mark.parametrize("locale", READERS)
def test_an_objection_is_sent_from_a_phone_without_javascript(desk: Desk, told_more: None, locale: str) -> None:
    """The conversation with a corrected answer fits a phone, and its answer can be objected to."""
    wrong = next(answer for answer in desk.ledger.answers.all(INCIDENT) if locale in answer.texts)
    right = {"en": "Only its last four digits.", "zh-CN": "只有卡号后四位。"}[locale]
    desk.clock.forward(days=1)
    desk.ledger.answers.correct(INCIDENT, wrong.id, {locale: right}, "wei", desk.clock())
    page = desk.page_of(locale, width=390, java_script_enabled=False)
    assert not page.evaluate(TOO_WIDE)
    page.locator("#objection").screenshot(path=PICTURES / f"conversation-{locale}.png")
    page.locator(".objecting summary").click()
    page.locator(".objecting textarea").fill("?")
    desk.clock.forward(seconds=30)
    page.locator(".objecting button").click()
    expect(page.locator("#objection .thanks")).to_be_visible()
    assert [question.objection for question in desk.ledger.questions.all(INCIDENT) if question.objection] == ["?"]


def test_reloading_after_asking_asks_nothing_again(desk: Desk) -> None:
    page = desk.page_of("en")
    page.locator("#text").fill("Was my card copied?")
    desk.clock.forward(seconds=30)
    page.locator("#ask button").click()
    page.wait_for_url("**sent=ask#ask")
    page.reload()
    assert len(desk.ledger.questions.all(INCIDENT)) == 1


def test_the_survey_is_answered_without_javascript(desk: Desk) -> None:
    ask_about_us(desk.ledger)
    page = desk.page_of("en", width=320, java_script_enabled=False)
    for measure, score in {"understood": 5, "trust_now": 2}.items():
        page.locator(f"input[name=answer-{measure}][value='{score}']").check()
    page.locator("input[name=answer-best-way][value=sms]").check()
    page.locator("#answer-comment").fill("Clear letter")
    take_picture(page, "survey")
    desk.clock.forward(seconds=30)
    page.locator("#survey button").click()
    expect(page.locator("#survey .thanks")).to_be_visible()
    take_picture(page, "survey-thanks")
    assert [survey.answered for survey in desk.ledger.views.closing(INCIDENT).surveys] == [1]


@pytest.mark.parametrize("locale", READERS)
def test_an_outdated_address_is_said_on_a_small_screen(desk: Desk, locale: str) -> None:
    page = desk.page_of(locale, width=320, java_script_enabled=False)
    page.locator("#address summary").click()
    page.locator("#wrong summary").click()
    assert not page.evaluate(TOO_WIDE)
    assert page.evaluate(UNNAMED_FIELDS) == page.evaluate(FAINT_TEXT) == []
    take_picture(page, f"{locale}-own-forms")
    page.locator("#email").fill("nobody")
    desk.clock.forward(seconds=30)
    page.locator("#address button").click()
    expect(page.locator("#email-fault")).to_be_visible()
    assert not page.evaluate(TOO_WIDE)
    page.locator("#email").fill("ada@new.example")
    page.locator("#address button").click()
    expect(page.locator("#address .thanks")).to_be_visible()
    assert [report.email for report in desk.ledger.reports.all(INCIDENT)] == ["ada@new.example"]


def test_a_step_is_ticked_without_javascript(desk: Desk) -> None:
    page = desk.page_of("en", width=320, java_script_enabled=False)
    page.locator(".tick button").first.click()
    expect(page.locator(".tick .state.kept")).to_have_count(1)
    page.locator(".tick button").first.click()
    expect(page.locator(".tick .state.kept")).to_have_count(0)


def test_a_question_is_asked_with_the_keyboard_alone(desk: Desk) -> None:
    page = desk.page_of("en")
    tab_to(page, "kind")
    page.keyboard.press("ArrowDown")
    tab_to(page, "text")
    page.keyboard.type("Was my card copied?")
    page.keyboard.press("Tab")
    desk.clock.forward(seconds=30)
    page.keyboard.press("Enter")
    page.wait_for_url("**sent=ask#ask")
    (question,) = desk.ledger.questions.all(INCIDENT)
    assert (question.text, question.kind) == ("Was my card copied?", "complaint")


def test_the_first_key_leads_past_the_top_of_the_page(desk: Desk) -> None:
    page = desk.page_of("en")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_where_the_keyboard_is_can_be_seen(desk: Desk) -> None:
    ask_about_us(desk.ledger)
    page = desk.page_of("en")
    for id_ in ("kind", "text", "answer-understood"):
        tab_to(page, id_)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_an_empty_question_leads_to_its_field(desk: Desk) -> None:
    page = desk.page_of("en", width=390)
    desk.clock.forward(seconds=30)
    page.locator("#ask button").click()
    expect(page.get_by_role("alert")).to_be_focused()
    take_picture(page, "fault")
    page.get_by_role("alert").get_by_role("link").click()
    expect(page.locator("#text")).to_be_focused()
    assert page.evaluate(FAINT_TEXT) == []


def test_a_long_text_comes_back_whole(desk: Desk) -> None:
    page = desk.page_of("en")
    written = "\n  Dear people,\n\n" + "a" * 5000
    page.locator("#text").fill(written)
    desk.clock.forward(seconds=30)
    page.locator("#ask button").click()
    expect(page.locator("#text-fault")).to_be_visible()
    expect(page.locator("#text")).to_have_value(written)


def test_the_language_can_be_changed(desk: Desk) -> None:
    page = desk.page_of("zh-CN")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_text("Hello 李雷")).to_be_visible()


@pytest.mark.parametrize("path", ["/p/wrong", f"/n/{INCIDENT}/", f"/n/{INCIDENT}/zh-CN/first-notice.html"])
def test_the_other_pages_keep_their_policy_and_fit_a_small_screen(desk: Desk, path: str) -> None:
    page = desk.open(path, width=320)
    take_picture(page, path.strip("/").replace("/", "-"))
    assert not page.evaluate(TOO_WIDE)
    assert page.evaluate(FAINT_TEXT) == []
    assert [said for said in desk.complaints if "404" not in said] == []


@pytest.fixture
def old_phone(desk: Desk, ledger: Ledger, clock: Clock) -> Page:
    """Ada's page as browsers from before 2020 show it, with a long address in an answer."""
    asked = ledger.questions.ask(INCIDENT, an_asked("Where can I read it?", person=ADA, at=clock()), clock())
    ledger.questions.answer(INCIDENT, asked, "https://betapai.example/" + "a" * 200, "wei", clock())
    page = desk.page_of("en", width=390)
    page.route("**/style.css", _without_what_came_later)
    page.reload()
    return page


def _without_what_came_later(route: Route) -> None:
    answer = route.fetch()
    known = re.sub(r"inset-inline-start:|overflow-wrap: anywhere", "unheard-of: x", answer.text())
    route.fulfill(response=answer, body=re.sub(r"(display: flex;[^}]*?) gap:", r"\1 unheard-of:", known))


def test_an_old_phone_hides_what_no_person_may_fill_in(old_phone: Page) -> None:
    """Whoever sees the trap and fills it in is never heard."""
    for hidden in (".trap input", ".skip"):
        box = old_phone.locator(hidden).first.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 0


def test_a_page_fits_an_old_phone(old_phone: Page) -> None:
    take_picture(old_phone, "old-phone")
    assert not old_phone.evaluate(TOO_WIDE)


def test_words_that_stand_side_by_side_do_not_touch_on_an_old_phone(old_phone: Page) -> None:
    assert old_phone.evaluate(TOUCHING) == []


def test_script_in_a_name_or_a_question_stays_text(desk: Desk, clock: Clock) -> None:
    page = desk.page_of("en")
    page.locator("#text").fill(
        "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    )
    desk.clock.forward(seconds=30)
    page.locator("#ask button").click()
    page.wait_for_url("**sent=ask#ask")
    assert page.title() == "Data breach: your page"
    assert desk.complaints == []


def tab_to(page: Page, wanted: str) -> None:
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == wanted:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no key press leads to #{wanted}")
