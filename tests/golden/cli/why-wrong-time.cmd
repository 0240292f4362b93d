bulkhead why timed.yaml --from one --to two --port 80/tcp --at 2026-02-29T00:00Z
