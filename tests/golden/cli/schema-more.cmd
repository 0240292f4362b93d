bulkhead schema small.yaml
