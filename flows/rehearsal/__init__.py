"""A rehearsal: the real flows with a simulated team, public and world, in virtual time."""
