"""SkyPilot: managed jobs on spot machines and in clouds."""
