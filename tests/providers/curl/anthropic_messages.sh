curl https://api.anthropic.com/v1/messages \
     --header "x-api-key: $ANTHROPIC_API_KEY" \
     --header "anthropic-version: 2023-06-01" \
     --header "content-type: application/json" \
     --data \
'{
    "model": "claude-sonnet-4-5",
    "max_tokens": 1024,
    "system": "You are a seasoned data scientist at a Fortune 500 company.",
    "messages": [
        {"role": "user", "content": "Hello, world"}
    ]
}'
