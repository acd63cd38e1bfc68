"""Crash-safe bytes on disk: frames in segments, one writer, many recoverers."""
