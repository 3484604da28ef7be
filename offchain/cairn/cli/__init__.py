"""The command line: `cairn`."""
