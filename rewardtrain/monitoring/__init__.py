"""How a model fares beside people: stored scores, agreement on pairs and flags, and drift."""
