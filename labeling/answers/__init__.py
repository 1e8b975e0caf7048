"""What labelers answered: checked, stored as rankings in revisions, expanded into pairs."""
