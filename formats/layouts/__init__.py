"""Layouts: how others lay out preference data in records, and Podium's own rows made of them. Plain values.

To add one: a module that ends with `LAYOUT = Layout(...)`, its place in the list of its folder's __init__.py, and its
sample files in tests/formats/layouts/samples/, which put it into the table of what is recognised as what.
"""
