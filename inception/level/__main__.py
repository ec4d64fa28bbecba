"""`python -m inception.level <number>`: be level `number` of the chain whose plan INCEPTION_PLAN names."""

from inception.level.runner import main

main()
