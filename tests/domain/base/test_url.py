"""Two addresses lead to the same site however they are spelled, and to another one where that matters."""

import pytest

from amends.domain.base.url import same_site

HERE = "https://notice.example.test/november"


@pytest.mark.parametrize("other", [HERE, "https://notice.example.test", "HTTPS://Notice.Example.test:443/brand.css"])
def test_spelling_and_path_make_no_other_site(other: str) -> None:
    assert same_site(HERE, other)


def test_a_name_in_its_own_letters_is_the_same_as_in_those_of_dns() -> None:
    assert same_site("https://bücher.example", "https://xn--bcher-kva.example/a")


@pytest.mark.parametrize(
    "other",
    [
        "http://notice.example.test",
        "http://notice.example.test:443",
        "https://notice.example.test:8443",
        "https://example.test",
        "notice.example.test",
        "null",
        "",
    ],
)
def test_another_scheme_host_or_port_is_another_site(other: str) -> None:
    assert not same_site(HERE, other)


@pytest.mark.parametrize(
    "address", ["", "a", "mailto:x", "https://[", "https://notice.example.test:x", f"https://{'a' * 70}.example"]
)
def test_what_is_no_address_is_on_no_site_not_even_its_own(address: str) -> None:
    assert not same_site(address, address)
