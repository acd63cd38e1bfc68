"""The receiver: the server side of the logging contract, and its pages."""
