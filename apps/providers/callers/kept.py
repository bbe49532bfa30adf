"""A chat call as traces keep it: the request that would repeat it."""

from apps.providers.chat import ChatCall
from apps.providers.openai import call_object
from apps.providers.rendering import given
from apps.providers.variables import compact_json


def chat_json(call: ChatCall, model: str = "") -> str:
    """The call as the body of a Chat Completions request. `OPENAI_CALLER.parse` reads the same call out of it.

    But for what that API has no place for: which texts of a turn stood apart, the mark of a failed tool call, which becomes words, and
    that a limit was only a formal one. A call that makes no sense is kept, too: nothing is raised.
    """
    extras = given(model=model or None, max_tokens=call.max_tokens, variables=dict(call.variables) or None)
    return compact_json({**call_object(call), **extras})
