"""The public notice pages and feeds of one incident, made as texts from its notices; no file is written here."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from zoneinfo import ZoneInfo

from feedgenerator import Atom1Feed

from amends.domain.base.value import Moment, Value, nearest_locale
from amends.domain.channel.message import PageVersion
from amends.domain.notice.wording import from_utc

WORDS: dict[str, dict[str, str]] = json.loads(files("channels").joinpath("website_words.json").read_text("utf-8"))
STYLE = files("channels").joinpath("website_style.css").read_text("utf-8")
STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


class NoticeEntry(Value):
    """One notice as it stands on the website in one locale."""

    mark: str
    """An opaque mark that differs from one message to another."""
    notice: str
    subject: str
    text: str
    html: str
    sender: str
    published_at: Moment
    """The date of this version of the notice."""
    first_published_at: Moment | None = None
    """The date of the first version; None when this version is the first."""
    corrects: tuple[PageVersion, ...] = ()
    """Pages that say something wrong, of which this notice says what is right."""
    zone: str = "UTC"
    """The time zone in which the page shows its dates."""

    @property
    def since(self) -> datetime:
        """Return the date at which the page was published for the first time."""
        return self.first_published_at or self.published_at

    @property
    def version(self) -> PageVersion:
        """Return the version of the page, as a correction names it."""
        return PageVersion(self.notice, self.published_at)

    def in_place_of(self, earlier: "NoticeEntry") -> "NoticeEntry":
        """Return the entry with the first date of an earlier version, and with the notes that the earlier one put up.

        A date that the ledger knows to be earlier stays.
        """
        first = min(self.since, earlier.since)
        kept = tuple(one for one in earlier.corrects if one not in self.corrects)
        return self.model_copy(
            update={
                "first_published_at": first if first < self.published_at else None,
                "corrects": (*kept, *self.corrects),
            }
        )


class PublicNotices(Value):
    """All notices of an incident in one locale, newest first."""

    entries: tuple[NoticeEntry, ...] = ()

    def of(self, notice: str) -> NoticeEntry | None:
        """Return the entry of this notice, or None."""
        return next((entry for entry in self.entries if entry.notice == notice), None)

    def with_entry(self, entry: NoticeEntry) -> "PublicNotices":
        """Return the notices with this one added; it replaces another version of the notice unless that is dated later.

        Of two versions with the same date nothing tells which is newer, so the one that is added last is kept.
        """
        standing = self.of(entry.notice)
        if standing and standing.published_at > entry.published_at:
            return self
        added = entry.in_place_of(standing) if standing else entry
        if added == standing:
            return self
        others = [other for other in self.entries if other.notice != entry.notice]
        return PublicNotices(entries=tuple(sorted([added, *others], key=lambda each: each.published_at, reverse=True)))


@dataclass(frozen=True, slots=True)
class RightPage:
    """A published notice that says what is right where another page is wrong, with the URL of its page."""

    entry: NoticeEntry
    url: str


@dataclass(frozen=True, slots=True)
class Site:
    """The site of one incident, with at least one notice in each of its locales."""

    base_url: str
    stylesheet: str
    incident: str
    notices: Mapping[str, PublicNotices]

    def url(self, locale: str, name: str = "") -> str:
        """Return the URL of a file of this incident."""
        return f"{self.base_url}/{self.incident}/{locale}/{name}"

    def files(self) -> dict[str, str]:
        """Return every page and feed by its path below the incident's folder."""
        made: dict[str, str] = {}
        for locale, notices in self.notices.items():
            made[f"{locale}/index.html"] = _index(self, locale, notices.entries)
            made[f"{locale}/feed.atom"] = _atom(self, locale, notices.entries)
            made[f"{locale}/feed.json"] = _json_feed(self, locale, notices.entries)
            for entry in notices.entries:
                made[f"{locale}/{entry.notice}.html"] = _notice(self, locale, entry)
        return made

    def correction_of(self, locale: str, entry: NoticeEntry) -> "RightPage | None":
        """Return the latest notice that says what is right where this page is wrong, or None.

        A notice in the page's own language is preferred. Where that notice is wrong too, and was corrected, the notice
        that corrects it counts.
        """
        for other in (locale, *self.notices):
            found = [one for one in self.notices[other].entries if entry.version in one.corrects]
            later = [one for one in found if one.published_at > entry.published_at]
            if later:
                latest = max(later, key=lambda one: one.published_at)
                return self.correction_of(other, latest) or RightPage(latest, self.url(other, f"{latest.notice}.html"))
        return None

    def siblings(self, notice: str) -> list[str]:
        """Return the locales in which this notice can be read."""
        return [locale for locale, notices in self.notices.items() if any(e.notice == notice for e in notices.entries)]


@dataclass(frozen=True, slots=True)
class _View:
    """One page with its notice, its URL, and the URLs of the page in every locale."""

    site: Site
    locale: str
    entry: NoticeEntry
    url: str
    alternates: Mapping[str, str]

    @property
    def words(self) -> dict[str, str]:
        return _words(self.locale)

    @property
    def correction(self) -> RightPage | None:
        return self.site.correction_of(self.locale, self.entry)


def _index(site: Site, locale: str, entries: tuple[NoticeEntry, ...]) -> str:
    latest, *earlier = entries
    alternates = {other: site.url(other) for other in site.notices}
    view = _View(site, locale, latest, site.url(locale), alternates)
    return _page(view, _earlier(view, earlier))


def _notice(site: Site, locale: str, entry: NoticeEntry) -> str:
    name = f"{entry.notice}.html"
    alternates = {other: site.url(other, name) for other in site.siblings(entry.notice)}
    view = _View(site, locale, entry, site.url(locale, name), alternates)
    return _page(view, f'<p><a href="./">{escape(view.words["all"])}</a></p>')


def _page(view: _View, below: str) -> str:
    entry, words = view.entry, view.words
    return f"""<!doctype html>
<html lang="{view.locale}" dir="auto">
<head>
{_head(view)}
</head>
<body>
<a class="skip" href="#notice">{escape(words["skip"])}</a>
<header>
<p>{escape(entry.sender)}</p>
{_languages(view)}</header>
<main id="notice">
<article>
<h1>{escape(entry.subject)}</h1>
{_dated(view)}
{_newer(view)}{_note(view.site, view.locale, entry)}{entry.html}
</article>
{below}
</main>
<footer>
<p><a href="feed.atom">{escape(words["feed"])}</a></p>
</footer>
</body>
</html>
"""


def _head(view: _View) -> str:
    entry, stylesheet = view.entry, view.site.stylesheet
    alternates = sorted(view.alternates.items())
    feeds = (("atom+xml", "feed.atom"), ("feed+json", "feed.json"))
    lines = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(stylesheet)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{escape(entry.subject)}</title>",
        f'<meta name="description" content="{escape(entry.text[:300])}">',
        f'<link rel="canonical" href="{escape(view.url)}">',
        *(f'<link rel="alternate" hreflang="{other}" href="{escape(url)}">' for other, url in alternates),
        *(f'<link rel="alternate" type="application/{kind}" href="{name}">' for kind, name in feeds),
        f"<style>{STYLE}</style>",
        *([f'<link rel="stylesheet" href="{escape(stylesheet)}">'] if stylesheet else []),
        f'<script type="application/ld+json">{_linked_data(view)}</script>',
    )
    return "\n".join(lines)


def _policy(stylesheet: str) -> str:
    own = " 'self'" if stylesheet else ""
    return f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'{own}; base-uri 'none'; form-action 'none'"


def _languages(view: _View) -> str:
    others = sorted(set(view.alternates) - {view.locale})
    if not others:
        return ""
    items = "\n".join(_language(other, view.alternates[other]) for other in others)
    return f'<nav aria-label="{escape(view.words["languages"])}">\n<ul>\n{items}\n</ul>\n</nav>\n'


def _language(locale: str, url: str) -> str:
    return f'<li><a href="{escape(url)}" hreflang="{locale}" lang="{locale}">{escape(_name(locale))}</a></li>'


def _dated(view: _View) -> str:
    """Return the line with the date of the page, and with that of its latest version when it was published again."""
    entry, words = view.entry, view.words
    first, latest = (_time(view.locale, at, entry.zone) for at in (entry.since, entry.published_at))
    changed = escape(words["changed"]).format(at=latest) if entry.first_published_at else ""
    return f'<p class="dated">{escape(words["published"]).format(at=first)}{changed}</p>'


def _note(site: Site, locale: str, entry: NoticeEntry) -> str:
    """Return the note that the page was wrong and where the right words stand; empty without a correction."""
    correction = site.correction_of(locale, entry)
    if correction is None:
        return ""
    words, at = _words(locale), _time(locale, correction.entry.since, correction.entry.zone)
    corrected, was_wrong = escape(words["corrected"]).format(at=at), escape(words["was_wrong"])
    link = f'<a href="{escape(correction.url)}">{escape(correction.entry.subject)}</a>'
    return f'<p class="corrected" role="note"><strong>{corrected}</strong>{was_wrong}{link}</p>\n'


def _newer(view: _View) -> str:
    """Return the note that leads to the newest notice; empty on the page of that one."""
    newest = view.site.notices[view.locale].entries[0]
    if newest.notice == view.entry.notice:
        return ""
    name = f"{newest.notice}.html"
    link = f'<a href="{escape(name)}">{escape(newest.subject)}</a>'
    at = _time(view.locale, newest.since, newest.zone)
    return f'<p class="newer" role="note">{escape(view.words["newer"])}{link} {at}</p>\n'


def _earlier(view: _View, entries: Iterable[NoticeEntry]) -> str:
    items = "\n".join(_earlier_item(view, entry) for entry in entries)
    if not items:
        return ""
    return (
        '<section class="earlier" aria-labelledby="earlier">\n'
        f'<h2 id="earlier">{escape(view.words["earlier"])}</h2>\n<ul>\n{items}\n</ul>\n</section>'
    )


def _earlier_item(view: _View, entry: NoticeEntry) -> str:
    note, at = _note(view.site, view.locale, entry), _time(view.locale, entry.since, entry.zone)
    return f'<li><a href="{entry.notice}.html">{escape(entry.subject)}</a> {at}{note}</li>'


def _time(locale: str, moment: datetime, zone: str) -> str:
    """Return the moment in this zone as an element that people and machines can read."""
    words, there = _words(locale), moment.astimezone(ZoneInfo(zone))
    month = words["months"].split()[there.month - 1]
    told = words["moment"].format(
        year=there.year, month=month, day=there.day, time=f"{there:%H:%M}", zone=from_utc(there)
    )
    return f'<time datetime="{there.isoformat(timespec="minutes")}">{escape(told)}</time>'


def _linked_data(view: _View) -> str:
    entry = view.entry
    article: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": entry.subject,
        "description": entry.text,
        "url": view.url,
        "datePublished": entry.since.isoformat(),
        "dateModified": _modified(view.site, view.locale, entry).isoformat(),
        "inLanguage": view.locale,
        "publisher": {"@type": "Organization", "name": entry.sender},
    }
    if view.correction:
        article["correction"] = view.correction.url
    # Inside <script>, only "<" could end the element.
    return json.dumps(article, ensure_ascii=False).replace("<", "\\u003c")


def _atom(site: Site, locale: str, entries: tuple[NoticeEntry, ...]) -> str:
    feed = Atom1Feed(
        title=_feed_title(entries),
        link=site.url(locale),
        description=None,
        language=locale,
        feed_url=site.url(locale, "feed.atom"),
        author_name=entries[0].sender,
    )
    for entry in entries:
        url = site.url(locale, f"{entry.notice}.html")
        feed.add_item(
            title=entry.subject,
            link=url,
            unique_id=url,
            description=escape(entry.text),
            content=_note(site, locale, entry) + entry.html,
            pubdate=entry.since,
            updateddate=_modified(site, locale, entry),
        )
    return str(feed.writeString("utf-8"))


def _json_feed(site: Site, locale: str, entries: tuple[NoticeEntry, ...]) -> str:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _feed_title(entries),
        "home_page_url": site.url(locale),
        "feed_url": site.url(locale, "feed.json"),
        "language": locale,
        "authors": [{"name": entries[0].sender}],
        "items": [_json_item(site, locale, entry) for entry in entries],
    }
    return json.dumps(feed, ensure_ascii=False, indent=2)


def _json_item(site: Site, locale: str, entry: NoticeEntry) -> dict[str, str]:
    url = site.url(locale, f"{entry.notice}.html")
    return {
        "id": url,
        "url": url,
        "title": entry.subject,
        "summary": entry.text,
        "content_html": _note(site, locale, entry) + entry.html,
        "date_published": entry.since.isoformat(),
        "date_modified": _modified(site, locale, entry).isoformat(),
    }


def _modified(site: Site, locale: str, entry: NoticeEntry) -> datetime:
    """Return the date of the page's latest version, or that of the note on it when the note is later."""
    correction = site.correction_of(locale, entry)
    return max(entry.published_at, correction.entry.since) if correction else entry.published_at


def _feed_title(entries: tuple[NoticeEntry, ...]) -> str:
    """Return the title of the first notice, which is what the whole feed is about."""
    return min(entries, key=lambda each: each.since).subject


def _words(locale: str) -> dict[str, str]:
    return WORDS[nearest_locale(locale, tuple(WORDS), "en")]


def _name(locale: str) -> str:
    return WORDS[locale]["language"] if locale in WORDS else locale
