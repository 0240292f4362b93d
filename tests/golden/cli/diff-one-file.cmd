bulkhead diff small.yaml
