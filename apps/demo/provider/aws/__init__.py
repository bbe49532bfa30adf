"""A stand-in for AWS: /aws/{sts|bedrock|bedrock-runtime}/{region}/, as strict about signatures, trust policies and expiry as AWS is.

One customer account, 210987654321, with these roles (the path of each says what its trust policy is):

  role/trusts/<external ID>/NAME   trusts the demo's principal, and demands exactly this external ID: what a careful customer makes
  role/any-external-id/NAME        demands an external ID, and takes any
  role/open/NAME                   demands none: lets anybody in who may use the principal
  anything else                    does not exist, or trusts somebody else; AWS says the same for both

NAME may end with -<n>s (its sessions last n seconds), -early (they end after half the time that was announced), -no-bedrock (it may not
invoke models) or -half-hour (no sessions of an hour).
Nothing is kept: a session token carries its own session, sealed with a key of this server.
"""
