"""The public marks of a message."""

from amends.domain.marks import bounce_address, bounce_token, bounced_token, message_id


def test_a_bounce_finds_its_message() -> None:
    assert bounced_token(bounce_address("a-key", "bounces.example.test")) == bounce_token("a-key")


def test_a_bounce_finds_its_message_though_a_server_wrote_capitals() -> None:
    assert bounced_token(bounce_address("a-key", "bounces.example.test").upper()) == bounce_token("a-key")


def test_mail_to_another_address_is_no_bounce_of_ours() -> None:
    assert bounced_token("care@example.test") is None


def test_who_sees_the_message_id_does_not_know_the_bounce_address() -> None:
    assert bounce_token("a-key") not in message_id("a-key", "example.test")


def test_a_message_has_the_same_message_id_at_every_try() -> None:
    assert message_id("a-key", "example.test") == message_id("a-key", "example.test")
