"""The dialects: what the spans of other instrumentations mean, as prompt logs."""
