"""Remedies of persons in the ledger."""
