"""`python -S -m inception.level NUMBER STEPS`: run level NUMBER of the chain whose plan file is INCEPTION_PLAN.

STEPS are those of `Early`, with commas between them. Without the modules of `site`, whose search takes 6 ms: who needs
one of those calls `find_installed_modules`.
"""

import gc
import os
import sys

from inception.level.early.daemons import start_early
from inception.linux import fds

# Imports make objects that stay: looking through them for garbage takes a quarter of their time. `runner` enables it.
gc.disable()
fds.close_inherited()
number = int(sys.argv[1])
early = start_early(f"{os.path.dirname(os.environ['INCEPTION_PLAN'])}/{number}", sys.argv[2].split(","))  # noqa: PTH120

from inception.level.runner import main  # noqa: E402 it brings all the rest

main(number, early)
