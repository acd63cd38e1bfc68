"""What the programs of these tests ask: a provider of a model that says "Ho"."""

from __future__ import annotations

import json

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Ho"},
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


class Speaker:
    """What a request handler needs to hear and say JSON, and to write nothing down."""

    def hear(self):
        """Return what was asked."""
        return json.loads(self.rfile.read(int(self.headers["content-length"] or 0)))

    def say(self, answer, status=200):
        """Answer with JSON."""
        self.say_bytes(json.dumps(answer).encode(), "application/json", status)

    def say_bytes(self, body, kind, status=200):
        """Answer with something else."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Write nothing to stderr."""
