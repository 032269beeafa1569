"""Amends: customer communication after customer data was stolen or leaked."""

__version__ = "0.1.0"
