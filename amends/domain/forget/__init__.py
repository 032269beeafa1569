"""Forgetting: how long each kind of data is kept, legal holds, and what goes when."""
