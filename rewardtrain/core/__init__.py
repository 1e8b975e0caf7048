"""Reward-model training on rankings. Plain torch and transformers; runs alone: python -m rewardtrain.core --help.

Importing this package imports neither: config, data and errors are plain Python, the rest is imported where it is used.
"""
