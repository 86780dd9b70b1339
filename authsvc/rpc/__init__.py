"""One file per gRPC service: check the fields, call the room that knows, build the answer.

- `auth_service`, `api_key_service`, `admin_token_service`, `provisioning_service`
- `messages` builds the messages that several of them answer with
- `page_tokens` spells positions in a list
"""
