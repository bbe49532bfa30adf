"""Amazon Bedrock: the provider, and its wire format for chat models, Converse."""

from apps.providers.base import Provider

BEDROCK = Provider("bedrock", "Amazon Bedrock", ("converse", "template"), summary="IAM role")
