"""What Ollama answers, after its documents; see `documented`.

Its law: data only.
"""

# https://github.com/ollama/ollama/blob/main/docs/api.md
OLLAMA_END = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 5191566416,
    "load_duration": 2154458,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 383809000,
    "eval_count": 298,
    "eval_duration": 4799921000,
}
OLLAMA_CALL = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}


def ollama(done=None, **members):
    """Build one line of Ollama's, the last with the counts."""
    head = {"model": "qwen3:4b", "created_at": "2023-08-04T19:22:45.499127Z"}
    return head | members | (done or {"done": False})


OLLAMA_STREAM = [
    ollama(message={"role": "assistant", "content": "", "thinking": "Two "}),
    ollama(message={"role": "assistant", "content": "", "thinking": "cities."}),
    ollama(message={"role": "assistant", "content": "Let me"}),
    ollama(message={"role": "assistant", "content": " look."}),
    ollama(message={"role": "assistant", "content": "", "tool_calls": [OLLAMA_CALL]}),
    ollama(OLLAMA_END, message={"role": "assistant", "content": ""}),
]
OLLAMA_CHAT = ollama(
    OLLAMA_END,
    message={
        "role": "assistant",
        "content": "Let me look.",
        "thinking": "Two cities.",
        "tool_calls": [OLLAMA_CALL],
    },
)
OLLAMA_TEXT = ollama(OLLAMA_END, response="Let me look.", thinking="Two cities.")
OLLAMA_TEXT_STREAM = [
    ollama(response="", thinking="Two cities."),
    ollama(response="Let me"),
    ollama(response=" look."),
    ollama(OLLAMA_END, response=""),
]
