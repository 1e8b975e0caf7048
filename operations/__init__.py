"""What looks at both sides, labeling and training: backup and restore."""
