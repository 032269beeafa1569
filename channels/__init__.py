"""The channels, one module per provider: each has `connect(settings)` and answers every message with a receipt."""
