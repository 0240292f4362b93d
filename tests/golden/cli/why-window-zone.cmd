bulkhead why timed.yaml --from one --to two --port 80/tcp --at 2026-11-24T17:30:00+01:00 --json
