bulkhead why small.yaml --from one --to two --port 47
