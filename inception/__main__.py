"""`python -m inception` is the command `inception`."""

from inception.cli.main import main

if __name__ == "__main__":
    main()
