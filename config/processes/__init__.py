"""Runs the processes of `manage.py up`: their command lines, their lines of output, their restarts."""
