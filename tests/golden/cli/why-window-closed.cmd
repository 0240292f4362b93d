bulkhead why timed.yaml --from one --to two --port 80/tcp --at 2026-11-24T17:00:00Z
