"""Django's backend for PostgreSQL with a pool of our own settings: what ENGINE of settings.DATABASES names."""
