"""Commands for the commitments of an incident."""
