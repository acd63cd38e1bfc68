"""The demo: what ``promptscribe demo`` runs, from the agent to the tree it prints."""
