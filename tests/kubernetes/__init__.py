"""A cluster of this machine alone: an API server with Jobs, pods and Kueue's workloads, for tests."""
