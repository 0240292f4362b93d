bulkhead why zoned.yaml --from one --to two --port 80/tcp --at 2026-07-01T06:00Z
