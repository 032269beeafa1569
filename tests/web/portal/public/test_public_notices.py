"""The public notice pages, served as the website channel wrote them."""

import pytest
from starlette.testclient import TestClient

from amends.settings import Settings
from tests.web.scene import INCIDENT


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh", "zh-CN"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("", "en"),
        ("en;q=0.1, zh-cn;q=0.5", "zh-CN"),
        ("zh-TW", "en"),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_reader_is_led_to_the_best_language(resting: TestClient, accepted: str, locale: str, slash: str) -> None:
    answer = resting.get(f"/n/{INCIDENT}{slash}", headers={"Accept-Language": accepted}, follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"/n/{INCIDENT}/{locale}/"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("first-notice.html", "text/html; charset=utf-8"),
        ("feed.atom", "application/atom+xml; charset=utf-8"),
        ("feed.json", "application/feed+json; charset=utf-8"),
    ],
)
def test_pages_and_feeds_are_served_as_what_they_are(resting: TestClient, name: str, kind: str) -> None:
    answer = resting.get(f"/n/{INCIDENT}/zh-CN/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert "您的数据被复制" in answer.text


def test_a_page_that_has_not_changed_is_not_sent_again(resting: TestClient) -> None:
    path = f"/n/{INCIDENT}/en/index.html"
    tag = resting.get(path).headers["etag"]
    assert resting.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_a_locale_without_its_slash_leads_to_the_page(resting: TestClient) -> None:
    answer = resting.get(f"/n/{INCIDENT}/en", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, f"/n/{INCIDENT}/en/")


def test_a_notice_page_may_use_the_style_it_brings_along(resting: TestClient) -> None:
    answer = resting.get(f"/n/{INCIDENT}/en/")
    assert "style-src 'self' 'unsafe-inline'" in answer.headers["content-security-policy"]
    assert "style-src 'sha256-" in answer.text


def test_search_engines_may_find_the_public_notice(resting: TestClient) -> None:
    assert resting.get(f"/n/{INCIDENT}/en/").headers["x-robots-tag"] == "all"


@pytest.mark.parametrize(
    "path",
    [
        f"/n/{INCIDENT}/en/notices.json",
        f"/n/{INCIDENT}/.lock",
        f"/n/{INCIDENT}/en/absent.html",
        f"/n/{INCIDENT}/en/..%2f..%2f..%2fledger.sqlite3",
        f"/n/{INCIDENT}/..%2f/index.html",
        f"/n/..%2f/{INCIDENT}/en/index.html",
        f"/n/{INCIDENT}/de/",
        f"/n/{INCIDENT}/de",
        f"/n/{INCIDENT}/en/first-notice.html%00",
        f"/n/{INCIDENT}/en/first-notice.html%0a",
        f"/n/{INCIDENT}/en/folder.html",
        f"/n/{INCIDENT}/en/outside.html",
        "/n/other-incident/",
        "/n/..%2f..",
        "/n/%00",
        "/n//",
    ],
)
def test_nothing_else_is_served(client: TestClient, settings: Settings, path: str) -> None:
    folder = settings.site / INCIDENT / "en"
    (folder / "folder.html").mkdir()
    (settings.home / "secret.html").write_text("secret")
    (folder / "outside.html").symlink_to(settings.home / "secret.html")
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert "这个链接打不开" in answer.text


def test_the_notice_pages_need_no_ledger(client: TestClient, settings: Settings) -> None:
    (settings.home / "ledger.sqlite3").rename(settings.home / "elsewhere.sqlite3")
    assert client.get(f"/n/{INCIDENT}/en/").status_code == 200
