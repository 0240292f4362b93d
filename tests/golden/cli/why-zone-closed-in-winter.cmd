bulkhead why zoned.yaml --from one --to two --port 80/tcp --at 2026-11-24T06:00Z
