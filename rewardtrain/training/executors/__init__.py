"""Where a fine-tuning is carried out: on this machine, or by a scheduler that somebody else runs."""
