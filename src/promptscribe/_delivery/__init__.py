"""From the journal to a server, in the background: bytes, never prompts."""
