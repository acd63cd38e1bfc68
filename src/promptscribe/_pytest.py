"""The pytest plug-in: the fixture ``captured_logs``."""
