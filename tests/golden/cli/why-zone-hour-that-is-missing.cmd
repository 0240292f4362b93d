for at in 00:59:59 01:00 01:59:59; do bulkhead why zoned.yaml --from two --to one --port 80/tcp --at 2026-03-29T${at}Z --json | grep -o '"decision": "[a-z]*"'; done
