"""What holds for every test, whichever way pytest is started."""

pytest_plugins = ["titanoboa", "requires"]
