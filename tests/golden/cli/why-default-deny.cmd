bulkhead why small.yaml --from two --to one --port 80/tcp
