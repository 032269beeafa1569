"""The customers' portal, and the webhooks of providers."""
