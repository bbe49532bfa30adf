"""The demo provider: a stand-alone HTTP server on loopback that speaks the dialects of several model providers.

It imports nothing of the product and no Django, keeps nothing, and needs no network. `python -m apps.demo.provider --port 8901` runs
it; tests run it in a thread (tests/support/provider.py). Answers are made from the request, so a wrong mapping shows in the answer;
tokens are words.
"""
