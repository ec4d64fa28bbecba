"""`python -m inception.level NUMBER`: run level NUMBER of the chain whose plan file is INCEPTION_PLAN."""

from inception.level.runner import main

main()
