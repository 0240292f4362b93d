bulkhead why small.yaml --from one --to two --port protocol:47
