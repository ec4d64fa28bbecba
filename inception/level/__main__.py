"""`python -m inception.level NUMBER STEPS`: run level NUMBER of the chain whose plan file is INCEPTION_PLAN.

STEPS are those of `Early`, with commas between them.
"""

import gc
import os
import sys
from pathlib import PurePosixPath

from inception.level.early.daemons import start_early
from inception.linux import fds
from inception.plan.paths import RunDirectory

# Imports make objects that stay: looking through them for garbage takes a quarter of their time. `runner` enables it.
gc.disable()
fds.close_inherited()
number = int(sys.argv[1])
run_directory = RunDirectory(PurePosixPath(os.environ["INCEPTION_PLAN"]).parent)
early = start_early(run_directory, number, sys.argv[2].split(","))

from inception.level.runner import main  # noqa: E402 it brings all the rest

main(number, early)
