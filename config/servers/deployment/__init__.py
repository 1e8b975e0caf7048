"""Looks at a whole deployment and says what is missing: `manage.py check_deployment`."""
