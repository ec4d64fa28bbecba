"""Run the command `inception`, as `python -m inception`."""

from inception.cli.main import main

if __name__ == "__main__":
    main()
