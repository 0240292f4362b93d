bulkhead why families.yaml --from one --to two --port 81/tcp --json
