"""The settings: what can be set, where it comes from, and what is a legal value."""

from promptscribe._config.resolution import is_under_pytest, resolve
from promptscribe._config.setting import (
    DEFAULT_BASE_URL,
    NAMES,
    Durability,
    Settings,
    default_journal_dir,
)
from promptscribe._config.value import is_loopback

__all__ = [
    "DEFAULT_BASE_URL",
    "NAMES",
    "Durability",
    "Settings",
    "default_journal_dir",
    "is_loopback",
    "is_under_pytest",
    "resolve",
]
