"""The command `python -m flows.rehearsal FOLDER`, which rehearses the order in the folder."""

import sys
from pathlib import Path

from flows.rehearsal.play import main

sys.exit(main(Path(sys.argv[1])))
