"""Commitments as they go: series, steps, reviews and money."""
