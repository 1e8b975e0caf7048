import pytest

from rewardtrain.core.serving.protocols import dialogue_of, parse_queries, plain


@pytest.mark.parametrize(
    ("query", "prompt", "wanted"),
    [
        ("Why? Because.", "Why? ", ("Why? ", "Because.")),
        ("<s>Why? Because.</s>", "Why? ", ("Why? ", "Because.")),
        ("<|begin_of_text|>Why? Because.<|eot_id|><|eot_id|>", "Why? ", ("Why? ", "Because.")),
        ("Because.</s>", "Why?", ("", "Because.")),
        ("Is why? why? so?", "why?", ("", "Is why? why? so?")),
        ("Why?</s>", "Why?", ("Why?", "")),
        ("only <b>text</b>", "", ("", "only <b>text</b>")),
    ],
)
def test_a_query_is_its_prompt_and_what_follows(query: str, prompt: str, wanted: tuple[str, str]) -> None:
    (group,) = parse_queries({"query": [query], "prompts": [prompt]}).groups
    assert (group.prompt[0].content, group.completions[0]) == wanted


def test_a_prompt_of_a_known_chat_template_becomes_its_messages() -> None:
    chatml = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi\nthere<|im_end|>\n<|im_start|>assistant\n"
    llama = (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi\nthere"}]
    assert dialogue_of(chatml) == (messages, "")
    assert dialogue_of(llama) == ([{"role": "user", "content": "Hi"}], "")
    (group,) = parse_queries({"query": [f"{chatml}Hello.<|im_end|>\n"], "prompts": [chatml]}).groups
    assert group.completions == ("Hello.",)
    assert [message.role for message in group.prompt] == ["system", "user"]


CHATML = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
LLAMA = "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"


@pytest.mark.parametrize("head", [CHATML, LLAMA], ids=["chatml", "llama"])
@pytest.mark.parametrize(
    ("begun", "wanted"),
    [
        ("", "Hello."),
        ("<think>\n\n</think>\n\n", "Hello."),  # Qwen3 told not to think
        ("<think></think>", "Hello."),
        ("<think>\n", "<think>\nHello."),  # a template that begins the reasoning, which the policy goes on with
        ("<think>\nhm\n</think>\n\n", "<think>\nhm\n</think>\n\nHello."),
        ("Sure: ", "Sure: Hello."),
    ],
)
def test_an_answer_that_the_prompt_begins_is_no_turn(head: str, begun: str, wanted: str) -> None:
    prompt = head + begun
    (group,) = parse_queries({"query": [f"{prompt}Hello."], "prompts": [prompt]}).groups
    assert [(turn.role, turn.content) for turn in group.prompt] == [("user", "Hi")]
    assert group.completions == (wanted,)


def test_an_answer_that_is_finished_is_a_turn() -> None:
    messages, begun = dialogue_of(f"{CHATML}<think>\n\n</think>\n\n<|im_end|>\n")
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert begun == ""


def test_what_is_no_such_template_stays_a_text() -> None:
    assert dialogue_of("<|im_start|>tool\n{}<|im_end|>") == ("tool\n{}", "")
    assert plain("<s> a < b and b > c </s>") == "a < b and b > c"
