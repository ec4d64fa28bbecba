"""The command line: options, output and errors; the commands are in `commands/`."""
