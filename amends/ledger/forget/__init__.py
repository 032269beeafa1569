"""Forgetting: erasure of a person, retention, what a restore brought back, and rotation of keys."""
