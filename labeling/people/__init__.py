"""Accounts and members: who may see what, how somebody logs in or is invited, and how they like to work."""
