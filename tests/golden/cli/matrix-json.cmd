bulkhead matrix small.yaml --json
