"""Reward models: whether one passes the gate, which one is champion, and where its threshold lies."""
