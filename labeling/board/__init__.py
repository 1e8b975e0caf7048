"""The board: a prompt, its completions as cards, and the form that carries the answer.

Cards and form need no task of the queue, so the practice task and the style page show the same board.
"""
