"""`python -m flows.rehearsal FOLDER` rehearses what the folder's order says."""

import sys
from pathlib import Path

from flows.rehearsal.play import main

sys.exit(main(Path(sys.argv[1])))
