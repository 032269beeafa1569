"""The public notice pages: the contract, the files, the feeds, and pages that everybody can read."""

import asyncio
import base64
import fcntl
import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import feedparser
import pytest

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, PageVersion, Receipt, Status
from channels import website_static
from tests.channels.contract import PUBLISHED, Arrival, Bell, ChannelContract, Rig, a_message
from tests.privileges import given_to_nobody, of_nobody

BASE = "https://notice.example.test"


def a_page(**changes: Any) -> Message:
    return a_message(**{"kind": ChannelKind.WEBSITE, "to": "", "to_name": "", **changes})


def numbered(message: Message, number: int) -> Message:
    return a_page(
        key=f"key-{number}",
        notice=f"update-{number}",
        text=f"Only for {number}.",
        published_at=PUBLISHED + timedelta(hours=number),
    )


def arrivals(folder: Path) -> list[Arrival]:
    states = [json.loads(path.read_text())["entries"] for path in folder.glob("*/*/notices.json")]
    return [Arrival(entry["mark"], entry["text"], (), tuple(entry)) for entries in states for entry in entries]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    return folder


class TestContract(ChannelContract):
    @pytest.fixture
    def rig(self, folder: Path, tmp_path: Path) -> Rig:
        return Rig(
            connect=website_static.connect,
            settings={"folder": str(folder), "base_url": BASE},
            required=("folder", "base_url"),
            nowhere={"folder": str(tmp_path / "absent"), "base_url": BASE},
            arrivals=lambda: arrivals(folder),
            message=a_page(),
            numbered=numbered,
        )


async def publish(folder: Path, *messages: Message, **settings: str) -> list[Receipt]:
    channel = website_static.connect({"folder": str(folder), "base_url": BASE, **settings})
    return [await channel.deliver(message, Bell()) for message in messages]


def read(folder: Path, name: str, locale: str = "en") -> str:
    return (folder / "november-breach" / locale / name).read_text()


class Page(HTMLParser):
    """What a reader or a machine finds on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]


async def test_the_receipt_names_the_pages_address(folder: Path) -> None:
    (receipt,) = await publish(folder, a_page())
    assert receipt.provider_id == f"{BASE}/november-breach/en/first-notice.html"


async def test_a_published_notice_is_delivered(folder: Path) -> None:
    (receipt,) = await publish(folder, a_page())
    assert receipt.status is Status.DELIVERED


async def test_the_page_shows_the_notice_as_it_was_approved(folder: Path) -> None:
    await publish(folder, a_page())
    assert a_page().html in read(folder, "first-notice.html")


@pytest.mark.parametrize(
    ("zone", "told"), [("Asia/Shanghai", "19 November 2026, 02:00 (UTC+8)"), ("UTC", "18 November 2026, 18:00 (UTC)")]
)
async def test_a_page_tells_its_publication_time_in_the_organisations_zone(folder: Path, zone: str, told: str) -> None:
    """A notice page and the index tell when the notice was published in the organisation's time zone, and name the
    zone.
    """
    await publish(folder, a_page(zone=zone, published_at=datetime(2026, 11, 18, 18, tzinfo=UTC)))
    assert f">{told}</time>" in read(folder, "first-notice.html")
    assert f">{told}</time>" in read(folder, "index.html")


async def test_the_index_shows_the_latest_notice_and_links_earlier_ones(folder: Path) -> None:
    """The index shows the latest notice whole and links the earlier notices, the newest of them first."""
    await publish(folder, *(numbered(a_page(), number) for number in (1, 2, 3)))
    links = [link["href"] for link in Page(read(folder, "index.html")).all("a")]
    assert links == ["#notice", "update-2.html", "update-1.html", "feed.atom"]


async def test_an_older_notice_that_comes_late_does_not_become_the_latest(folder: Path) -> None:
    await publish(folder, numbered(a_page(), 2), numbered(a_page(), 1))
    assert "update-1.html" in [link["href"] for link in Page(read(folder, "index.html")).all("a")]


async def test_the_same_message_again_changes_no_file(folder: Path) -> None:
    await publish(folder, a_page())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.suffix}
    (receipt,) = await publish(folder, a_page())
    assert receipt.status is Status.DELIVERED
    assert {path: path.stat().st_mtime_ns for path in before} == before


async def test_a_new_wording_of_a_notice_takes_the_place_of_the_old(folder: Path) -> None:
    await publish(folder, a_page(), a_page(key="second-version", html="<p>Corrected.</p>"))
    assert "<p>Corrected.</p>" in read(folder, "first-notice.html")
    assert len(arrivals(folder)) == 1


@pytest.mark.parametrize("later", [timedelta(0), timedelta(microseconds=1), timedelta(hours=5)], ids=str)
async def test_the_same_message_with_other_words_takes_their_place(folder: Path, later: timedelta) -> None:
    newer = a_page(html="<p>Corrected.</p>", published_at=PUBLISHED + later)
    *_, receipt = await publish(folder, a_page(), newer)
    assert receipt.status is Status.DELIVERED
    assert all("<p>Corrected.</p>" in read(folder, name) for name in ("first-notice.html", "index.html"))
    assert len(arrivals(folder)) == 1


async def test_a_later_version_stays_when_an_earlier_one_comes_late(folder: Path) -> None:
    """When an earlier version of a notice arrives after a later one, the later version stays on the page and in the
    index, and the receipt says why nothing was written.
    """
    newer = a_page(html="<p>Corrected.</p>", published_at=PUBLISHED + timedelta(microseconds=1))
    *_, receipt = await publish(folder, newer, a_page())
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "not written: a version with a later date stands")
    assert all("<p>Corrected.</p>" in read(folder, name) for name in ("first-notice.html", "index.html"))


async def test_a_page_keeps_its_place_when_published_again(folder: Path) -> None:
    """A page that is published again after another notice of the same date keeps its place in the index."""
    await publish(folder, a_page(), a_page(key="another", notice="correction"))
    before = read(folder, "index.html")
    await publish(folder, a_page())
    assert read(folder, "index.html") == before


async def test_every_locale_names_the_others(folder: Path) -> None:
    await publish(folder, a_page(), a_page(key="zh", locale="zh-CN"))
    for locale in ("en", "zh-CN"):
        alternates = Page(read(folder, "first-notice.html", locale)).all("link", rel="alternate")
        named = {link["hreflang"]: link["href"] for link in alternates if "hreflang" in link}
        assert named == {other: f"{BASE}/november-breach/{other}/first-notice.html" for other in ("en", "zh-CN")}


async def test_a_notice_names_only_the_locales_it_can_be_read_in(folder: Path) -> None:
    await publish(folder, a_page(), a_page(key="zh", locale="zh-CN", notice="update-1"))
    alternates = Page(read(folder, "first-notice.html")).all("link", rel="alternate")
    assert [link["hreflang"] for link in alternates if "hreflang" in link] == ["en"]


async def test_the_words_around_a_notice_are_in_its_language(folder: Path) -> None:
    await publish(folder, a_page(locale="zh-CN"))
    assert "跳到公告正文" in read(folder, "index.html", "zh-CN")


@pytest.mark.parametrize("name", ["index.html", "first-notice.html"])
async def test_a_page_can_be_read_by_everybody(folder: Path, name: str) -> None:
    await publish(folder, a_page(), numbered(a_page(), 1))
    page = Page(read(folder, name))
    assert [html["lang"] for html in page.all("html")] == ["en"]
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "footer", "title")] == [1, 1, 1, 1, 1]
    assert page.all("a", **{"class": "skip"})[0]["href"] == f"#{page.all('main')[0]['id']}"


class Direction(HTMLParser):
    """Which way an element with dir="auto" runs: as its first letter that has a direction does."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found = ""
        self._auto, self._skipped = False, False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._auto = self._auto or ("dir", "auto") in attrs
        self._skipped = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._skipped = False

    def handle_data(self, data: str) -> None:
        if self._auto and not (self._skipped or self.found):
            ways = (unicodedata.bidirectional(letter) for letter in data)
            self.found = next(("rtl" if way in ("R", "AL") else "ltr" for way in ways if way in ("R", "AL", "L")), "")


@pytest.mark.parametrize(
    ("locale", "subject", "way"), [("en", "Your data", "ltr"), ("ar", "بياناتك", "rtl"), ("he", "הנתונים שלך", "rtl")]
)
@pytest.mark.parametrize("name", ["index.html", "first-notice.html"])
async def test_a_page_runs_the_way_its_language_is_read(
    folder: Path, locale: str, subject: str, way: str, name: str
) -> None:
    await publish(folder, a_page(locale=locale, subject=subject))
    assert Direction(read(folder, name, locale)).found == way


async def test_a_page_loads_nothing_and_runs_nothing(folder: Path) -> None:
    await publish(folder, a_page())
    page = Page(read(folder, "index.html"))
    loading = [tag for tag, found in page.tags if "src" in found or (tag == "link" and found["rel"] == "stylesheet")]
    assert loading == []
    assert [script["type"] for script in page.all("script")] == ["application/ld+json"]


async def test_the_policy_allows_exactly_the_style_that_is_there(folder: Path) -> None:
    await publish(folder, a_page())
    text = read(folder, "index.html")
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    (policy,) = Page(text).all("meta", **{"http-equiv": "Content-Security-Policy"})
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in policy["content"]


async def test_a_page_sends_no_form_and_no_referrer(folder: Path) -> None:
    """A page forbids forms, base addresses and foreign sources by its content security policy, and tells no other site
    where a reader comes from.
    """
    await publish(folder, a_page())
    page = Page(read(folder, "index.html"))
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert {"default-src 'none'", "base-uri 'none'", "form-action 'none'"} <= set(policy["content"].split("; "))
    assert page.all("meta", name="referrer", content="no-referrer")


async def test_an_own_stylesheet_is_linked_and_allowed(folder: Path) -> None:
    await publish(folder, a_page(), stylesheet="/brand.css")
    page = Page(read(folder, "index.html"))
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert page.all("link", rel="stylesheet", href="/brand.css")
    assert "'self'" in policy["content"]


@pytest.mark.parametrize(
    "stylesheet",
    [
        "/brand.css",
        "../brand.css",
        f"{BASE}/brand.css",
        "//notice.example.test/b.css",
        "https://Notice.Example.test:443/b.css",
    ],
)
def test_a_stylesheet_may_be_on_the_same_site(folder: Path, stylesheet: str) -> None:
    website_static.connect({"folder": str(folder), "base_url": f"{BASE}/sub", "stylesheet": stylesheet})


@pytest.mark.parametrize(
    "stylesheet",
    [
        "https://cdn.example.test/a.css",
        "//cdn.example.test/a.css",
        "http://notice.example.test:443/b.css",
        "data:text/css,a",
        "https://[/s.css",
    ],
)
def test_a_stylesheet_that_the_pages_policy_blocks_is_refused(folder: Path, stylesheet: str) -> None:
    """A stylesheet that the pages' own content security policy would block is refused when the channel is connected."""
    with pytest.raises(
        ChannelMisconfigured, match="channel website_static: stylesheet must be on the site of base_url"
    ):
        website_static.connect({"folder": str(folder), "base_url": BASE, "stylesheet": stylesheet})


async def test_machines_find_the_notice_as_linked_data(folder: Path) -> None:
    await publish(folder, a_page(subject="</script><b>", locale="zh-CN"))
    (content,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', read(folder, "index.html", "zh-CN"))
    article = json.loads(content)
    assert (article["headline"], article["inLanguage"]) == ("</script><b>", "zh-CN")


@pytest.mark.parametrize("name", ["index.html", "first-notice.html"])
async def test_a_text_is_shown_and_not_obeyed(folder: Path, name: str) -> None:
    await publish(folder, a_page(subject="</title><img src=x>", text='"><img src=y>', sender="<img src=z>"))
    assert Page(read(folder, name)).all("img") == []


async def test_the_subject_of_an_earlier_notice_is_shown_and_not_obeyed(folder: Path) -> None:
    await publish(folder, a_page(subject="</a><img src=x>"), numbered(a_page(), 1))
    page = read(folder, "index.html")
    assert "&lt;/a&gt;&lt;img src=x&gt;" in page
    assert Page(page).all("img") == []


async def test_a_feed_shows_a_text_that_looks_like_markup_as_it_is(folder: Path) -> None:
    await publish(folder, a_page(text="1 < 2 <b>"))
    (entry,) = feedparser.parse(read(folder, "feed.atom"), sanitize_html=False).entries
    assert entry.summary == "1 &lt; 2 &lt;b&gt;"


@pytest.mark.parametrize("feed", ["feed.atom", "feed.json"])
async def test_a_feed_bears_the_title_of_the_notice_that_came_first(folder: Path, feed: str) -> None:
    await publish(folder, a_page(subject="Our data was copied"), numbered(a_page(), 1))
    text = read(folder, feed)
    title = json.loads(text)["title"] if feed == "feed.json" else feedparser.parse(text).feed.title
    assert title == "Our data was copied"


async def test_the_atom_feed_lists_the_notices_newest_first(folder: Path) -> None:
    await publish(folder, numbered(a_page(), 1), numbered(a_page(), 2))
    feed = feedparser.parse(read(folder, "feed.atom"))
    assert not feed.bozo
    assert [entry.link.rsplit("/", 1)[1] for entry in feed.entries] == ["update-2.html", "update-1.html"]
    assert feed.entries[0].content[0].value == a_page().html


async def test_the_json_feed_lists_the_notices_newest_first(folder: Path) -> None:
    await publish(folder, numbered(a_page(), 1), numbered(a_page(), 2))
    feed = json.loads(read(folder, "feed.json"))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["summary"] for item in feed["items"]] == ["Only for 2.", "Only for 1."]


async def test_the_web_server_can_read_every_file_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        await publish(folder, a_page())
    finally:
        os.umask(before)
    pages = folder / "november-breach" / "en"
    assert {stat.S_IMODE(path.stat().st_mode) for path in pages.iterdir()} == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (pages, pages.parent)} == {0o755}


async def test_no_half_written_file_stays_behind(folder: Path) -> None:
    await publish(folder, a_page())
    assert list(folder.rglob("*.part")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"incident": "../../etc"},
        {"incident": ""},
        {"notice": "a/b"},
        {"notice": "index"},
        {"locale": "../en"},
        {"locale": 'en"><script>'},
    ],
    ids=str,
)
async def test_a_name_that_is_no_name_touches_no_path(folder: Path, changes: dict[str, str]) -> None:
    (receipt,) = await publish(folder, a_page(**changes))
    assert (receipt.status, receipt.detail, list(folder.iterdir())) == (Status.REJECTED, "unsafe name", [])


@pytest.mark.parametrize("place", ["subject", "text", "html", "sender"])
async def test_a_text_that_would_break_the_feed_is_refused(folder: Path, place: str) -> None:
    (receipt,) = await publish(folder, a_page(**{place: "nul \x00"}))
    assert (receipt.status, receipt.detail) == (Status.REJECTED, "unsafe characters")


async def test_a_page_without_a_date_is_refused(folder: Path) -> None:
    (receipt,) = await publish(folder, a_page(published_at=None))
    assert (receipt.status, receipt.detail) == (Status.REJECTED, "message has no date")


async def test_a_page_that_cannot_be_written_can_be_tried_again(folder: Path) -> None:
    (folder / "november-breach").write_text("a file in the way")
    (receipt,) = await publish(folder, a_page())
    assert receipt.status is Status.DEFERRED


async def test_what_was_cut_short_is_made_whole_by_the_next_try(folder: Path) -> None:
    await publish(folder, a_page())
    (folder / "november-breach" / "en" / "notices.json").unlink()
    (folder / "november-breach" / "en" / "index.html").write_text("half")
    await publish(folder, a_page())
    assert a_page().html in read(folder, "index.html")


@pytest.mark.parametrize("name", ["index.html", "first-notice.html", "feed.atom", "feed.json"])
async def test_a_notice_of_which_one_file_failed_is_published_next_time(folder: Path, name: str) -> None:
    """When one file of a notice could not be written, the notice counts as not written, and the next try writes all its
    files.
    """
    in_the_way = folder / "november-breach" / "en" / name
    in_the_way.mkdir(parents=True)
    (failed,) = await publish(folder, a_page())
    assert (failed.status, failed.detail) == (Status.DEFERRED, "not written: Is a directory")
    assert list(folder.rglob("*.part")) == []
    in_the_way.rmdir()
    await publish(folder, a_page())
    assert "Somebody copied part" in in_the_way.read_text()


async def test_a_damaged_state_is_left_for_a_person(folder: Path) -> None:
    await publish(folder, a_page())
    state = folder / "november-breach" / "en" / "notices.json"
    state.write_text("{")
    (receipt,) = await publish(folder, numbered(a_page(), 2))
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "not written: notices.json is damaged")
    assert state.read_text() == "{"


async def test_two_channels_writing_at_once_lose_nothing(folder: Path) -> None:
    channels = [website_static.connect({"folder": str(folder), "base_url": BASE}) for _ in range(2)]
    pages = [numbered(a_page(), number) for number in range(8)]
    await asyncio.gather(*(channels[n % 2].deliver(page, Bell()) for n, page in enumerate(pages)))
    assert len(json.loads(read(folder, "feed.json"))["items"]) == 8


@contextmanager
def somebody_else_at(folder: Path) -> Iterator[None]:
    """Another worker that was halted while it held the incident's folder."""
    (folder / "november-breach").mkdir()
    with (folder / "november-breach" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def test_a_message_is_put_off_when_somebody_else_keeps_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(website_static, "PATIENCE", 0.2)
    with somebody_else_at(folder):
        (receipt,) = await asyncio.wait_for(publish(folder, a_page()), 10)
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "not written: somebody else holds the folder")
    assert arrivals(folder) == []


async def test_a_message_waits_for_somebody_else_to_leave_the_folder(folder: Path) -> None:
    with somebody_else_at(folder):
        waiting = asyncio.create_task(publish(folder, a_page()))
        await asyncio.sleep(0.2)
        assert arrivals(folder) == []
    assert (await waiting)[0].status is Status.DELIVERED


async def test_a_publisher_cancelled_while_waiting_never_writes(folder: Path) -> None:
    """A publisher that is cancelled while it waits for the folder never writes a page."""
    with somebody_else_at(folder):
        waiting = asyncio.create_task(publish(folder, a_page()))
        await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=10)
    await asyncio.get_running_loop().shutdown_default_executor()  # until no thread has anything to do
    assert (waiting.cancelled(), arrivals(folder)) == (True, [])


class Skips:
    """The loop's clock, which can be set forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        loop = asyncio.get_running_loop()
        time = loop.time
        monkeypatch.setattr(loop, "time", lambda: time() + self.seconds)


async def test_a_message_is_patient_as_long_as_others_of_ours_get_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(website_static, "ASK_AGAIN", 0.01)
    channel, clock = website_static.connect({"folder": str(folder), "base_url": BASE}), Skips(monkeypatch)
    with somebody_else_at(folder):
        waiting = asyncio.create_task(channel.deliver(a_page(), Bell()))
        for number in range(3):
            await asyncio.sleep(0.1)
            clock.seconds += website_static.PATIENCE / 2
            await channel.deliver(a_page(incident=f"another-{number}"), Bell())
        await asyncio.sleep(0.1)
    assert (await waiting).status is Status.DELIVERED


async def test_a_folder_that_is_not_there_is_the_channels_trouble(tmp_path: Path) -> None:
    with pytest.raises(ChannelUnavailable, match="folder"):
        await publish(tmp_path / "absent", a_page())


def test_a_relative_folder_is_refused() -> None:
    with pytest.raises(ChannelMisconfigured, match="folder"):
        website_static.connect({"folder": "www", "base_url": BASE})


def test_a_read_only_folder_is_named_before_there_is_a_page(folder: Path) -> None:
    """A folder that cannot be written is named as the channel's trouble before any page is published."""
    with given_to_nobody(folder) as given:
        channel = website_static.connect({"folder": str(given), "base_url": BASE})
        with of_nobody():
            assert channel.why_not_writable() is None
            given.chmod(0o500)
            assert channel.why_not_writable() == "channel website_static: folder cannot be written"


LATER = PUBLISHED + timedelta(days=2)
STILL_LATER = PUBLISHED + timedelta(days=9)
WRONG = (PageVersion("first-notice", PUBLISHED),)
BOTH = (*WRONG, PageVersion("correction-1", LATER))


def a_correction(notice: str = "correction-1", corrects: tuple[PageVersion, ...] = WRONG, **changes: Any) -> Message:
    """A page that says what is right where the first notice is wrong."""
    given = {"key": notice, "notice": notice, "subject": "What is right", "published_at": LATER, "corrects": corrects}
    return a_page(**{**given, **changes})


def note_on(folder: Path, name: str, locale: str = "en") -> str:
    """The note on a page, without its markup; empty when the page has none."""
    found = re.search('<p class="corrected" role="note">(.*?)</p>', read(folder, name, locale))
    return re.sub("<[^>]*>", "", found[1]) if found else ""


def where_noted(folder: Path, name: str) -> list[str | None]:
    """The addresses to which the notes on a page lead."""
    notes = re.findall('<p class="corrected".*?</p>', read(folder, name))
    return [link["href"] for note in notes for link in Page(note).all("a")]


@pytest.mark.parametrize("known_to_the_ledger", [True, False])
async def test_surprise_17_a_page_published_again_keeps_its_first_date(folder: Path, known_to_the_ledger: bool) -> None:
    """The first date comes with the message, and stands on the page already when the ledger did not know in time that
    the page was published.
    """
    again = a_page(
        key="again",
        published_at=LATER,
        html="<p>Now.</p>",
        first_published_at=PUBLISHED if known_to_the_ledger else None,
    )
    await publish(folder, a_page(), again)
    seen = re.sub("<[^>]*>", "", read(folder, "first-notice.html"))
    assert "Published 24 November 2026, 09:00 (UTC), last changed 26 November 2026, 09:00 (UTC)" in seen
    (entry,) = feedparser.parse(read(folder, "feed.atom")).entries
    assert (entry.published, entry.updated) == ("2026-11-24T09:00:00+00:00", "2026-11-26T09:00:00+00:00")
    (item,) = json.loads(read(folder, "feed.json"))["items"]
    assert (item["date_published"], item["date_modified"]) == (entry.published, entry.updated)
    (content,) = re.findall('application/ld.json">(.*?)</script>', read(folder, "first-notice.html"))
    article = json.loads(content)
    assert (article["datePublished"], article["dateModified"]) == (entry.published, entry.updated)


async def test_a_page_that_was_never_changed_has_one_date(folder: Path) -> None:
    await publish(folder, a_page())
    assert "last changed" not in read(folder, "first-notice.html")


async def test_the_same_page_again_changes_no_file_after_a_change(folder: Path) -> None:
    again = a_page(key="again", published_at=LATER)
    await publish(folder, a_page(), again)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.suffix}
    (receipt,) = await publish(folder, again)
    assert receipt.status is Status.DELIVERED
    assert {path: path.stat().st_mtime_ns for path in before} == before


async def test_a_wrong_page_gets_a_note_when_its_correction_is_published(folder: Path) -> None:
    await publish(folder, a_page(), a_correction())
    assert note_on(folder, "first-notice.html") == (
        "Corrected on 26 November 2026, 09:00 (UTC): part of this page was wrong. What is right: What is right"
    )
    url = f"{BASE}/november-breach/en/correction-1.html"
    assert where_noted(folder, "first-notice.html") == [url]
    assert where_noted(folder, "index.html") == [url], "the index lists the wrong page"
    assert note_on(folder, "correction-1.html") == ""


async def test_the_feeds_show_the_note_and_its_date(folder: Path) -> None:
    await publish(folder, a_page(), a_correction())
    entry = feedparser.parse(read(folder, "feed.atom"), sanitize_html=False).entries[1]
    item = json.loads(read(folder, "feed.json"))["items"][1]
    assert (entry.updated, item["date_modified"]) == ("2026-11-26T09:00:00+00:00",) * 2
    assert all('class="corrected"' in text for text in (entry.content[0].value, item["content_html"]))


async def test_a_note_is_in_the_language_of_its_page(folder: Path) -> None:
    await publish(folder, a_page(locale="zh-CN"), a_correction(locale="zh-CN", key="zh"))
    assert note_on(folder, "first-notice.html", "zh-CN").startswith("2026年11月26日 09:00（UTC）更正：本页部分内容有误")


async def test_a_correction_in_another_language_is_better_than_none(folder: Path) -> None:
    await publish(folder, a_page(locale="zh-CN"), a_correction())
    assert "/en/correction-1.html" in read(folder, "first-notice.html", "zh-CN")


async def test_the_note_names_the_latest_correction(folder: Path) -> None:
    second = a_correction("correction-2", BOTH, published_at=STILL_LATER)
    await publish(folder, a_page(), a_correction(), second)
    url = f"{BASE}/november-breach/en/correction-2.html"
    assert where_noted(folder, "first-notice.html") == where_noted(folder, "correction-1.html") == [url]


async def test_a_correction_of_a_correction_is_named_on_both_pages(folder: Path) -> None:
    """A page leads past a correction that was wrong itself, also when the last correction does not name the page."""
    second = a_correction("correction-2", BOTH[1:], published_at=STILL_LATER)
    await publish(folder, a_page(), a_correction(), second)
    assert where_noted(folder, "first-notice.html") == [f"{BASE}/november-breach/en/correction-2.html"]


async def test_the_note_goes_when_the_page_itself_is_right(folder: Path) -> None:
    """A version of the page that the correction does not name is right, whenever it was written and published."""
    again = a_page(key="again", published_at=PUBLISHED + timedelta(days=1), html="<p>Right.</p>")
    await publish(folder, a_page(), a_correction(), again)
    assert note_on(folder, "first-notice.html") == ""


async def test_the_note_stays_when_the_correction_is_published_again(folder: Path) -> None:
    again = a_correction(key="again", corrects=(), published_at=STILL_LATER)
    await publish(folder, a_page(), a_correction(), again)
    assert note_on(folder, "first-notice.html").startswith("Corrected on 26 November 2026")


@pytest.mark.parametrize("name", ["first-notice.html", "correction-1.html", "index.html", "feed.atom", "feed.json"])
async def test_a_note_that_was_cut_short_is_written_by_the_next_try(folder: Path, name: str) -> None:
    """When one file could not be written, the correction counts as not published, and the next try notes it anywhere."""
    await publish(folder, a_page())
    in_the_way = folder / "november-breach" / "en" / name
    in_the_way.unlink(missing_ok=True)
    in_the_way.mkdir()
    (failed,) = await publish(folder, a_correction())
    in_the_way.rmdir()
    (receipt,) = await publish(folder, a_correction())
    assert (failed.status, receipt.status) == (Status.DEFERRED, Status.DELIVERED)
    assert note_on(folder, "first-notice.html")
    assert where_noted(folder, "index.html")


async def test_the_subject_of_a_correction_is_shown_and_not_obeyed(folder: Path) -> None:
    await publish(folder, a_page(), a_correction(subject="</a><img src=x>"))
    assert Page(read(folder, "first-notice.html")).all("img") == []
