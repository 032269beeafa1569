"""The sending engine: claim, compose, send, record. The engine knows channels only by their protocol, not Prefect."""
