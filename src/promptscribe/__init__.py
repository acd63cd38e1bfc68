"""Record every LLM call, lose none."""
