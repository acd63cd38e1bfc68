"""The caller's thread: a call becomes one snapshot, cheaply and faithfully."""
