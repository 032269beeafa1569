"""Settings of channels: a wrong name or value is found before anything is opened."""

from importlib import import_module

import pytest

from amends.domain.base.errors import ChannelMisconfigured
from channels.base.settings import ProviderSettings, is_loopback

PROVIDERS = ("email_smtp", "outbox", "sms_http", "social_bluesky", "social_mastodon", "website_static")


def read(**given: str) -> ProviderSettings:
    return ProviderSettings("sample", given, required=("host",), optional={"port": "25"})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_wants_settings(provider: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=provider):
        import_module(f"channels.{provider}").connect({})


def test_a_slip_of_the_pen_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(ChannelMisconfigured, match="hots is not a setting; did you mean host"):
        read(hots="mail")


def test_a_name_like_no_other_is_answered_with_all_that_are_known() -> None:
    with pytest.raises(ChannelMisconfigured, match="known are host, port"):
        read(host="mail", zzz="1")


def test_an_empty_setting_is_a_missing_one() -> None:
    with pytest.raises(ChannelMisconfigured, match="missing host"):
        read(host="")


def test_an_optional_setting_has_its_usual_value() -> None:
    assert read(host="mail").number("port") == 25


@pytest.mark.parametrize("port", ["0", "-1", "1e3", "٢٥", "65536"])
def test_a_number_out_of_bounds_is_refused(port: str) -> None:
    with pytest.raises(ChannelMisconfigured, match="port"):
        read(host="mail", port=port).number("port", most=65535)


def test_a_wrong_value_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ChannelMisconfigured) as error:
        read(host="mail", port="s3cret").number("port")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("token", ["s3cret ", " s3cret", "s3\ncret", "s3cret\n", "s3cr\u00e9t"])
def test_a_token_that_fits_into_no_header_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ChannelMisconfigured, match="channel sample: host must be plain ASCII") as error:
        read(host=token).secret("host")
    assert "s3" not in str(error.value)


@pytest.mark.parametrize("url", ["https://a.test", "http://127.0.0.1:8", "http://localhost", "http://[::1]:8/x"])
def test_an_address_is_https_or_this_machine(url: str) -> None:
    assert read(host=url).url("host") == url


@pytest.mark.parametrize(
    "url",
    ["http://a.test", "a.test", "file:///etc/passwd", "https://", "http://127.0.0.1@a.test", "https://a.test?x=1"],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ChannelMisconfigured, match="host"):
        read(host=url).url("host")


@pytest.mark.parametrize(
    "url",
    [
        "https://[a.test",
        "https://a.test:80a",
        "https://a.test:0",
        "https://a.test:99999",
        " https://a.test",
        "https://a.test ",
        "https://a.test\n",
        "https://a b.test",
        "https://a.test/\u00a0",
        "https://\u2100.test",
    ],
)
def test_what_is_no_address_is_said_of_its_setting(url: str) -> None:
    with pytest.raises(ChannelMisconfigured, match="channel sample: host is no address"):
        read(host=url).url("host")


@pytest.mark.parametrize(
    "url", ["https://a.test?key=1", "https://me:word@a.test", "https://:word@a.test", "https://a.test#b"]
)
def test_what_an_address_must_be_without_is_said(url: str) -> None:
    with pytest.raises(
        ChannelMisconfigured, match=r"host must be an address with a host, and without a login, \? or #"
    ):
        read(host=url).url("host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example.test", "10.0.0.1", "0.0.0.0", ""])
def test_another_machine_is_not_this_one(host: str) -> None:
    assert not is_loopback(host)
