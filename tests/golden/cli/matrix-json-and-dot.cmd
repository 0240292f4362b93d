bulkhead matrix small.yaml --dot --json
