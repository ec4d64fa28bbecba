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

if len(sys.argv) == 3:  # noqa: PLR2004 NUMBER and STEPS
    from inception.level.early.daemons import start_early
    from inception.linux import fds

    fds.close_inherited()
    early = start_early(f"{os.path.dirname(os.environ['INCEPTION_PLAN'])}/{number}", sys.argv[2].split(","))  # noqa: PTH120

    from inception.level.runner import main  # it brings all the rest

    main(number, early)
else:
    from inception.level.runner import main_again

    main_again(number, *sys.argv[3:])
