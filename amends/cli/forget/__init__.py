"""Commands for forgetting: retention, legal holds, erasure of a person, and keys."""
