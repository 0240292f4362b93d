bulkhead why observed.yaml --from two --to one --port 80/tcp
