"""The texts by which a server is checked: short and long, of one turn and several, of other scripts, and odd ones."""

from rewardtrain.core.data.groups import Group, parse_texts

_TURNS = [
    {"role": "system", "content": "Answer in one sentence."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "And of Peru?"},
]
_PROMPTS: tuple[tuple[object, tuple[str, ...]], ...] = (
    ("How do I bake bread?", ("Mix flour, water and yeast, let it rest, then bake it.", "Go away.", "")),
    (_TURNS, ("Lima is the capital of Peru.", "I don't know, and I don't care.")),
    ("Schreib mir ein Gedicht über Tee.", ("Der Tee ist heiß, der Tag noch lang.", "今日は良い天気です。 🙂")),
    (
        "def f(x):\n    return x ** 2\n\n# What does it do?",
        ("It squares x.\n\n```python\nf(3)  # 9\n```", "<b>No</b> idea…"),
    ),
    ("Tell me a long story. " * 12, ("Once upon a time there was a king. " * 20, "The end.")),
    ("", ("An answer to nothing.",)),
)


def fixed_groups() -> list[Group]:
    return [parse_texts(f"text {at}", prompt, list(texts)) for at, (prompt, texts) in enumerate(_PROMPTS, start=1)]
