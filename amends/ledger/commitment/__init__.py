"""Commitments in the ledger: what was promised, the steps to it, evidence, money spent, and how each one ended."""
