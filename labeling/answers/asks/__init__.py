"""What a project asks in the same breath as an order: each ask checked in a module of its own. Plain values.

docs/decisions/0186-more-than-an-order.md says how each is answered with how many keys.
"""
