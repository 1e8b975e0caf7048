"""Answers what no app answers: the proxy in front, a refused form, a failure, health, and the documents of the API."""
