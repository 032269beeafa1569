"""`python -m amends.web` serves the portal of AMENDS_HOME."""

from amends.web.app import main

main()
