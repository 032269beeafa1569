"""The command `python -m amends.web`, which serves the portal of AMENDS_HOME."""

from amends.web.app import main

main()
