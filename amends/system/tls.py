"""The TLS contexts of HTTP clients."""

import ssl
from functools import cache

import httpx2


@cache
def trusted_context() -> ssl.SSLContext:
    """Return the context that trusts the authorities of this machine, one for all clients of the process.

    To read the authorities takes longer than a request.
    """
    return httpx2.create_ssl_context(trust_env=False)


def context_for(address: str) -> ssl.SSLContext:
    """Return the context for a server at this address: one that trusts no authority where there is no TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if address.startswith("http:") else trusted_context()
