"""Write the completions of bash, zsh and fish where each shell looks for them: `completions PROGRAM DIRECTORY`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLACES = {
    "bash": "bash-completion/completions/inception",
    "zsh": "zsh/site-functions/_inception",
    "fish": "fish/vendor_completions.d/inception.fish",
}
"""Files below `share`, by shell."""
_LOADED_BY_ZSH = '\n[[ "$zsh_eval_context[-1]" == loadautofunc ]] && _inception_completion "$@"\n'
"""zsh runs the file at the first Tab: the function that it defines has to complete that one, too."""


def write_completions(program: str, share: Path) -> None:
    """Write the script that `program` prints for each shell into its place below `share`."""
    for shell, place in PLACES.items():
        script = subprocess.run(
            (program,),
            env={**os.environ, "_INCEPTION_COMPLETE": f"source_{shell}"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        file = share / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{script}\n{_LOADED_BY_ZSH if shell == 'zsh' else ''}")


if __name__ == "__main__":
    write_completions(sys.argv[1], Path(sys.argv[2]))
