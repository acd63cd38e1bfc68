"""The words: how a call is written into the journal, and a log onto the wire."""
