"""jobs.fault: a trace that says where, and never what the user wrote."""

from __future__ import annotations

import pytest

from modules.core.request import GenerationRequest
from modules.jobs.fault import trace


def caught(raising: Exception, cause: Exception | None = None) -> Exception:
    try:
        try:
            raise cause or KeyError("inner reason")
        except Exception as error:
            raise raising from error
    except Exception as error:
        return error


def test_it_says_where_and_why() -> None:
    text = trace(caught(ValueError("shapes differ: 4 and 9")), GenerationRequest(prompt="a fox"))
    assert "test_fault.py" in text
    assert "ValueError: shapes differ: 4 and 9" in text
    assert text.index("KeyError: 'inner reason'") < text.index("ValueError")


@pytest.mark.parametrize("message", ["cannot parse 'my secret garden'", "odd token: Secret", "(garden:1.3) is odd", "猫 is unknown", "x"])
@pytest.mark.parametrize(("prompt", "negative"), [("x", "my secret garden, 可爱的猫"), ("my (SECRET:1.2) garden 猫", "x")])
def test_a_message_that_quotes_the_request_is_left_out(message: str, prompt: str, negative: str) -> None:
    text = trace(caught(RuntimeError(message), ValueError(message)), GenerationRequest(prompt=prompt, negative_prompt=negative))
    assert f": {message}" not in text
    assert text.count("(message left out: it quotes the request)") == 2


def test_errors_that_point_at_each_other_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert trace(one).count("ValueError") == 2
