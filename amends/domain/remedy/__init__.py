"""Remedies: what is done for each person of a commitment that is kept person by person."""
