"""The wiring: who hands what to whom."""
