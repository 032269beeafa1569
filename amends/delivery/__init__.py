"""The sending engine: claim, render, send, record. Knows channels only by their protocol, and no Prefect."""
