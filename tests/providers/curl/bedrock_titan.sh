curl -X POST "https://bedrock-runtime.$AWS_REGION.amazonaws.com/model/amazon.titan-text-express-v1/invoke" \
  -H "Content-Type: application/json" \
  -H "Accept: application/json" \
  -H "Authorization: Bearer ${api-key}" \
  -d '{"inputText": "Write a haiku about the sea.", "textGenerationConfig": {"maxTokenCount": 256, "temperature": 0.5}}'
