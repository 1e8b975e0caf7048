"""SkyPilot of this machine alone: an API server with managed jobs, for tests."""
