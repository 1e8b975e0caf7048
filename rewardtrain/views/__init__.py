"""The machine side's pages: runs, models, the retrain policy. For a project's managers."""
