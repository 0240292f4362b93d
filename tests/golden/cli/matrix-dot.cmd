bulkhead matrix small.yaml --dot
