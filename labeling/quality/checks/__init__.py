"""How careful a person is, told from checks: golds, whose order is known, and repeats of what they ranked before."""
