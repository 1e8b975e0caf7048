"""The pages of frozen dataset versions: the list, one version, its prompts, its file, what was found in it."""
