"""The simulated outside world on loopback: a mail relay and web services for the demo, rehearsals and tests."""
