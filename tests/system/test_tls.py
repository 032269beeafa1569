"""The TLS contexts of HTTP clients."""

import ssl

from amends.system.tls import context_for, trusted_context


def test_all_clients_of_a_process_share_one_context() -> None:
    assert context_for("https://one.example") is context_for("https://other.example") is trusted_context()
    assert trusted_context().verify_mode is ssl.CERT_REQUIRED


def test_an_address_without_tls_needs_no_authority() -> None:
    """No certificate would be accepted there either, should the server ask for TLS after all."""
    context = context_for("http://127.0.0.1:4200")
    assert not context.get_ca_certs()
    assert context.verify_mode is ssl.CERT_REQUIRED
