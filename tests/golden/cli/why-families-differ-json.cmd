bulkhead why families.yaml --from one --to two --port 80/tcp --json
