bulkhead check --js small.yaml
