"""The commands of `inception`, each in the file of its name."""
