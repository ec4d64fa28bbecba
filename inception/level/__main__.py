"""`python -S -m inception.level NUMBER STEPS`: run level NUMBER of the chain whose plan file is INCEPTION_PLAN.

STEPS are those of `Early`, with commas between them. A runner that has stood by gets `AGAIN HANDOVER OWN_LIFELINE` in
their place (`standby.program`). Without the modules of `site`, whose search takes 6 ms: who needs one of those calls
`find_installed_modules`.
"""

import gc
import os
import sys

# Imports make objects that stay: looking through them for garbage takes a quarter of their time. `runner` enables it.
gc.disable()
number = int(sys.argv[1])

match sys.argv[2:]:
    case [steps]:
        from inception.level.early.daemons import start_early
        from inception.linux import fds

        fds.close_inherited()
        early = start_early(f"{os.path.dirname(os.environ['INCEPTION_PLAN'])}/{number}", steps.split(","))  # noqa: PTH120

        from inception.level.runner import main  # it brings all the rest

        main(number, early)
    case _:
        from inception.level.runner import main_again

        main_again(number, *sys.argv[3:])
