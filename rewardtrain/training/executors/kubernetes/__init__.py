"""Kubernetes, by its official client: a run is an Indexed Job, which Kueue lets begin where the project has a queue."""
